"""ECS: moto keeps clusters and task definitions; services own tasks here, and deployments take their time."""
