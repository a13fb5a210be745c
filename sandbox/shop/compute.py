"""What the shop runs on: services in ECS, a function, workers, a storefront behind CloudFront, and its databases."""

import io
import json
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.ecs import fleet
from sandbox.shop.catalogue import CLUSTER, IN_ECS, ORDERS, WEBHOOK, WEBHOOK_ALIAS, WORKERS

if TYPE_CHECKING:
    from sandbox.shop.provision import Clients, Resources

Json = dict[str, Any]
VERSIONS = {41: timedelta(days=16), 42: timedelta(days=9)}  # in the registry, and how long ago they were deployed
REGISTRY = "registry.example.com"
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
WORKERS_DESIRED = 4
IMAGE = "ami-12c6146b"  # one of those that moto knows


def log_group(service: str) -> str:
    return f"/ecs/{service}"


def image(service: str, version: object) -> str:
    return f"{REGISTRY}/{service}:{version}"


def services(aws: "Clients", deployer: "Clients", made: "Resources") -> None:
    """ECS services as they have been running for nine days."""
    aws.ecs.create_cluster(clusterName=CLUSTER)
    inside = _network(aws)
    for service in IN_ECS:
        tasks = next(m for m in service.metrics if m.key == "tasks")
        aws.logs.create_log_group(logGroupName=log_group(service.name))
        for version in VERSIONS:
            register(deployer, service.name, version)
        answer = deployer.ecs.create_service(
            cluster=CLUSTER,
            serviceName=service.name,
            taskDefinition=f"{service.name}:{len(VERSIONS)}",
            desiredCount=int(tasks.normal),
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": inside},
            deploymentConfiguration=BREAKER,
            tags=[{"key": "service", "value": service.name}, {"key": "team", "value": service.team}],
        )
        made.services[service.name] = answer["service"]["serviceArn"]
        _age(service.name)


def _network(aws: "Clients") -> Json:
    subnet = aws.ec2.describe_subnets()["Subnets"][0]
    groups = aws.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
    return {"subnets": [subnet["SubnetId"]], "securityGroups": [groups["SecurityGroups"][0]["GroupId"]]}


def _age(name: str) -> None:
    """Makes it look as if it had been there for long."""
    service = fleet.find(CLUSTER, name)
    if service is None:
        raise LookupError(name)
    now = CLOCK.now()
    with fleet.LOCK:
        service.created = now - max(VERSIONS.values()).total_seconds()
        service.settle(now, now - min(VERSIONS.values()).total_seconds())
        family = service.primary.definition.family
        for definition, ago in zip(service.definitions(family), VERSIONS.values(), strict=True):
            definition.registered_at = utc(now - ago.total_seconds())


def register(deployer: "Clients", service: str, version: object, **environment: str) -> str:
    """A new revision: this image, and these variables beside the usual ones."""
    usual = {"ENVIRONMENT": "prod", "LOG_LEVEL": "INFO", "CATALOG_DB": "catalog-db.internal"}
    container = {
        "name": "app",
        "image": image(service, version),
        "cpu": 512,
        "memory": 1024,
        "environment": [{"name": k, "value": v} for k, v in {**usual, **environment}.items()],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group(service),
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "app",
            },
        },
    }
    answer = deployer.ecs.register_task_definition(
        family=service,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="512",
        memory="1024",
        containerDefinitions=[container],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


# Beside ECS


def elsewhere(aws: "Clients", deployer: "Clients", made: "Resources") -> None:
    _function(aws, deployer)
    _workers(aws)
    _storefront(aws, made)
    _orders(aws)


def code(version: object) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("webhook.py", f"VERSION = {str(version)!r}\n")
    return data.getvalue()


def _function(aws: "Clients", deployer: "Clients") -> None:
    """Version 2 is live, 1 is what was there before."""
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
    role = aws.iam.create_role(RoleName=WEBHOOK, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    deployer.of("lambda").create_function(
        FunctionName=WEBHOOK,
        Runtime="python3.13",
        Role=role,
        Handler="webhook.handle",
        Code={"ZipFile": code(1)},
        Publish=True,
    )
    publish(deployer, 2)
    deployer.of("lambda").create_alias(FunctionName=WEBHOOK, Name=WEBHOOK_ALIAS, FunctionVersion="2")
    aws.logs.create_log_group(logGroupName=f"/aws/lambda/{WEBHOOK}")


def publish(deployer: "Clients", version: object) -> str:
    functions = deployer.of("lambda")
    functions.update_function_code(FunctionName=WEBHOOK, ZipFile=code(version))
    return str(functions.publish_version(FunctionName=WEBHOOK)["Version"])


def _workers(aws: "Clients") -> None:
    aws.autoscaling.create_launch_configuration(
        LaunchConfigurationName=WORKERS, ImageId=IMAGE, InstanceType="t3.medium"
    )
    aws.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=WORKERS,
        LaunchConfigurationName=WORKERS,
        MinSize=2,
        MaxSize=10,
        DesiredCapacity=WORKERS_DESIRED,
        AvailabilityZones=["us-east-1a", "us-east-1b"],
    )


def _storefront(aws: "Clients", made: "Resources") -> None:
    origin = {
        "Id": "alb",
        "DomainName": "storefront.us-east-1.elb.amazonaws.com",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    answer = aws.cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": "storefront",
            "Comment": "storefront",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "alb", "ViewerProtocolPolicy": "redirect-to-https"},
        }
    )
    made.distribution = answer["Distribution"]["Id"]


def _orders(aws: "Clients") -> None:
    aws.rds.create_db_cluster(
        DBClusterIdentifier=ORDERS, Engine="aurora-postgresql", MasterUsername="shop", MasterUserPassword="not-a-secret"
    )
    for letter in "ab":
        aws.rds.create_db_instance(
            DBInstanceIdentifier=f"{ORDERS}-{letter}",
            DBClusterIdentifier=ORDERS,
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )
