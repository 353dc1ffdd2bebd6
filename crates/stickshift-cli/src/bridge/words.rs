//! What a broker, or the way to it, fails with: in words for people.

use rumqttc::{ConnectReturnCode, ConnectionError, StateError, mqttbytes};

/// How the word of a broker begins that answers and does not want this client.
pub(super) const REFUSES: &str = "the broker refuses";

pub(super) fn refused(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword => {
            format!("{REFUSES} you: user or password (--user, --password-file)")
        }
        ConnectReturnCode::RefusedProtocolVersion => {
            format!("{REFUSES} the connection: it takes no MQTT 3.1.1")
        }
        ConnectReturnCode::BadClientId => {
            format!("{REFUSES} the connection: it does not take the name of this bridge (--name)")
        }
        ConnectReturnCode::ServiceUnavailable => {
            format!("{REFUSES} the connection: it is not ready, or too busy")
        }
        ConnectReturnCode::Success => format!("{REFUSES} the connection"),
    }
}

/// The client refuses what is longer than it may be.
pub(super) fn is_too_large(error: &ConnectionError) -> bool {
    use mqttbytes::Error::PayloadSizeLimitExceeded;
    matches!(error, ConnectionError::MqttState(StateError::Deserialization(PayloadSizeLimitExceeded(_))))
}

pub(super) fn is_end(error: &ConnectionError) -> bool {
    use std::io::ErrorKind;
    if matches!(error, ConnectionError::MqttState(StateError::ConnectionAborted)) {
        return true;
    }
    let mut error: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = error {
        if let Some(io) = one.downcast_ref::<std::io::Error>() {
            let ends = [
                ErrorKind::UnexpectedEof,
                ErrorKind::ConnectionReset,
                ErrorKind::ConnectionAborted,
                ErrorKind::BrokenPipe,
            ];
            return ends.contains(&io.kind());
        }
        error = one.source();
    }
    false
}

/// Why a connection ended.
pub(super) fn failure(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => error.to_string(),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            "it did not answer in time".to_owned()
        }
        ConnectionError::MqttState(StateError::AwaitPingResp | StateError::CollisionTimeout) => {
            "it does not answer any more".to_owned()
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => "it closed the connection".to_owned(),
        error if is_too_large(error) => "what it sends is larger than any packet that is taken".to_owned(),
        ConnectionError::MqttState(StateError::Deserialization(why)) => {
            format!("what it sends is no MQTT 3.1.1: {why}")
        }
        ConnectionError::NotConnAck(_) | ConnectionError::MqttState(_) => {
            "what it answers is not what MQTT 3.1.1 has here".to_owned()
        }
        ConnectionError::ConnectionRefused(code) => refused(*code),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn nothing_is_said_as_programmers_write_it() {
        let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "the pipe broke");
        for error in [
            ConnectionError::Io(closed()),
            ConnectionError::MqttState(StateError::Io(closed())),
            ConnectionError::NetworkTimeout,
            ConnectionError::NotConnAck(mqttbytes::v4::Packet::PingResp),
            ConnectionError::MqttState(StateError::Deserialization(mqttbytes::Error::InvalidPacketType(0))),
            ConnectionError::MqttState(StateError::AwaitPingResp),
            ConnectionError::ConnectionRefused(ConnectReturnCode::RefusedProtocolVersion),
            ConnectionError::ConnectionRefused(ConnectReturnCode::BadClientId),
            ConnectionError::ConnectionRefused(ConnectReturnCode::ServiceUnavailable),
        ] {
            let text = failure(&error);
            let is_code = |word: &str| {
                let inner = word.chars().skip(1);
                word.chars().any(char::is_lowercase) && inner.filter(|c| c.is_uppercase()).count() > 0
            };
            let odd = text.split([' ', ':', '(', ')']).find(|word| is_code(word));
            assert!(odd.is_none() && !text.contains(['{', '"', '`']), "{text}");
        }
    }
}
