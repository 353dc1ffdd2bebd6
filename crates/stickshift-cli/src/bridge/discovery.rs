//! What Home Assistant needs to show sticks as devices: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>.

use serde_json::{Value, json};

use super::topics::Topics;

/// A sensor: its name in topics and templates, its name for people, whose topic it reads, its unit and class.
struct Sensor {
    key: &'static str,
    name: &'static str,
    topic: &'static str,
    unit: Option<&'static str>,
    class: Option<&'static str>,
}

const fn text(key: &'static str, name: &'static str, topic: &'static str) -> Sensor {
    Sensor { key, name, topic, unit: None, class: None }
}

const fn figure(key: &'static str, name: &'static str, unit: &'static str) -> Sensor {
    Sensor { key, name, topic: "signal", unit: Some(unit), class: Some("signal_strength") }
}

const SENSORS: [Sensor; 9] = [
    text("mode_text", "Mode", "state"),
    text("operator", "Operator", "signal"),
    text("technology", "Technology", "signal"),
    text("registration", "Registration", "signal"),
    figure("rssi", "RSSI", "dBm"),
    figure("rscp", "RSCP", "dBm"),
    figure("rsrp", "RSRP", "dBm"),
    figure("rsrq", "RSRQ", "dB"),
    figure("sinr", "SINR", "dB"),
];

/// The topics and payloads that announce a stick.
pub(super) fn of(prefix: &str, bridge: &str, topics: &Topics, stick: &Value) -> Vec<(String, Value)> {
    let Some(place) = stick["place"].as_str() else { return Vec::new() };
    let node = format!("stickshift_{bridge}_{place}").replace(['.', '-'], "_");
    let device = json!({
        "identifiers": [node],
        "name": match stick["called"].as_str() {
            Some(called) => called.to_owned(),
            None => format!("{} at {place}", stick["name"].as_str().unwrap_or("stick")),
        },
        "model": stick["known_as"].as_str().or(stick["id"].as_str()),
        "via_device": format!("stickshift_{bridge}"),
    });
    let sensor = |sensor: &Sensor| {
        let mut payload = json!({
            "name": sensor.name,
            "unique_id": format!("{node}_{}", sensor.key),
            // The name of the entity, before 2025.10 and since.
            "object_id": format!("{node}_{}", sensor.key),
            "default_entity_id": format!("sensor.{node}_{}", sensor.key),
            "state_topic": topics.of(place, sensor.topic),
            // The signal of a stick that was pulled out is an empty message; Home Assistant takes None for unknown.
            "value_template":
                format!("{{{{ value_json.{} if value_json is defined else None }}}}", sensor.key),
            "availability_topic": topics.status(),
            "payload_available": "online",
            "payload_not_available": "offline",
            "device": device,
            "origin": { "name": "stickshift", "sw_version": env!("CARGO_PKG_VERSION") },
        });
        if let Some(unit) = sensor.unit {
            payload["unit_of_measurement"] = unit.into();
            payload["state_class"] = "measurement".into();
        }
        if let Some(class) = sensor.class {
            payload["device_class"] = class.into();
        }
        (format!("{prefix}/sensor/{node}/{}/config", sensor.key), payload)
    };
    SENSORS.iter().map(sensor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented options of an MQTT sensor that are used, with their types, and the rules that go with them.
    #[test]
    fn payloads_are_what_home_assistant_documents() {
        let stick = json!({ "place": "1-1.2", "id": "12d1:1506", "name": "HUAWEI Mobile", "known_as": null });
        let all = of("homeassistant", "rack", &Topics::new("stickshift", "rack", true), &stick);
        assert_eq!(all.len(), SENSORS.len());
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let mut ids = std::collections::BTreeSet::new();
        for (topic, payload) in &all {
            // <discovery_prefix>/<component>/[<node_id>/]<object_id>/config, ids of [a-zA-Z0-9_-].
            let parts: Vec<&str> = topic.split('/').collect();
            assert_eq!((parts.len(), parts[0], parts[1], parts[4]), (5, "homeassistant", "sensor", "config"));
            assert!(plain(parts[2]) && plain(parts[3]), "{topic}");
            for key in
                ["name", "unique_id", "object_id", "state_topic", "value_template", "availability_topic"]
            {
                assert!(payload[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
            }
            assert!(ids.insert(payload["unique_id"].to_string()), "two sensors with one id");
            assert!(payload["device"]["identifiers"].as_array().is_some_and(|ids| !ids.is_empty()));
            assert!(payload["origin"]["name"].is_string());
            match payload["device_class"].as_str() {
                // Units of the class: dB and dBm.
                Some("signal_strength") => {
                    assert!(matches!(payload["unit_of_measurement"].as_str(), Some("dB" | "dBm")));
                    assert_eq!(payload["state_class"], "measurement");
                }
                other => assert_eq!((other, payload.get("unit_of_measurement")), (None, None)),
            }
        }
    }
}
