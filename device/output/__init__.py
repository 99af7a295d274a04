"""Where results go: lamp, MQTT, store."""
