"""Checks what a bridge announced as Home Assistant does. Reads an object of topics and payloads; each payload of a `config` topic has to pass
the schema of its integration, and each template has to make a state of what the bridge published."""

import json
import re
import sys

import jinja2
import voluptuous as vol
from homeassistant.components.mqtt import sensor
from homeassistant.components.mqtt.discovery import TOPIC_MATCHER
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.components.sensor.const import DEVICE_CLASS_UNITS

try:
    from homeassistant.components.mqtt.discovery import MQTT_ORIGIN_INFO_SCHEMA
except ImportError:
    from homeassistant.components.mqtt.schemas import MQTT_ORIGIN_INFO_SCHEMA


def check(topic, payload):
    """The settings that Home Assistant reads out of an announcement."""
    prefix, _, below = topic.partition("/")
    assert prefix == "homeassistant", topic
    match = TOPIC_MATCHER.match(below)
    assert match and match.group("component") == "sensor", topic
    MQTT_ORIGIN_INFO_SCHEMA(payload["origin"])
    config = sensor.DISCOVERY_SCHEMA(dict(payload))
    kind = config.get("device_class")
    if kind is not None:
        assert config["unit_of_measurement"] in DEVICE_CLASS_UNITS[SensorDeviceClass(kind)], payload
    return config


def refused(topic, payload):
    try:
        check(topic, payload)
    except (vol.Invalid, AssertionError):
        return True
    return False


def main():
    heard = json.load(sys.stdin)
    published = {topic: payload for topic, payload in heard.items() if not topic.endswith("/config")}
    announced = {topic: json.loads(payload) for topic, payload in heard.items() if topic.endswith("/config")}
    ids = set()
    for topic, payload in announced.items():
        check(topic, payload)
        assert payload["unique_id"] not in ids, payload
        ids.add(payload["unique_id"])
        assert published[payload["availability_topic"]] in (
            payload["payload_available"],
            payload["payload_not_available"],
        )
        value = json.loads(published[payload["state_topic"]])
        state = jinja2.Environment().from_string(payload["value_template"]).render(value_json=value)
        assert state != "", payload
        if "unit_of_measurement" in payload:
            # What is None is unknown; anything else has to be a number.
            assert state == "None" or re.fullmatch(r"-?\d+(\.\d+)?", state), (payload, state)

    topic, payload = next(iter(announced.items()))
    wrong = [
        (topic.replace("/config", "/confi"), payload),
        (topic, {**payload, "device_class": "loudness"}),
        (topic, {**payload, "device": {**payload["device"], "identifiers": {}}}),
    ]
    count = sum(refused(topic, payload) for topic, payload in wrong)
    print(f"{len(announced)} taken, {count} refused")


if __name__ == "__main__":
    main()
