"""The running bot: vocabulary, pure rules, use cases, store, integrations and the composition root."""
