//! The commands that are used here.

use std::time::Duration;

use crate::error::Effect;
use crate::mbim::Request;
use crate::wire::mbim::{Service, basic, sms, ussd};

/// A search for networks.
const SEARCH: Duration = Duration::from_secs(300);
/// Choosing a network, attaching, connecting: the network takes its time.
const NETWORK: Duration = Duration::from_secs(180);
/// As long as over AT.
const USSD: Duration = Duration::from_secs(70);

fn ask<T>(cid: u32, data: Vec<u8>, what: &'static str, parse: fn(&[u8]) -> Option<T>) -> Request<T> {
    Request::query(Service::BASIC_CONNECT, cid, data, what, parse)
}

fn change<T>(cid: u32, data: Vec<u8>, what: &'static str, parse: fn(&[u8]) -> Option<T>) -> Request<T> {
    Request::set(Service::BASIC_CONNECT, cid, data, what, parse)
}

/// What the modem is.
pub fn device_caps() -> Request<basic::DeviceCaps> {
    ask(basic::DEVICE_CAPS, Vec::new(), "capabilities", basic::device_caps)
}

/// The SIM.
pub fn subscriber() -> Request<basic::Subscriber> {
    ask(basic::SUBSCRIBER_READY_STATUS, Vec::new(), "a subscriber", basic::subscriber)
}

/// The radio's switches.
pub fn radio_state() -> Request<(bool, bool)> {
    ask(basic::RADIO_STATE, Vec::new(), "a radio state", basic::radio_state)
}

/// Turns the radio on or off.
pub fn set_radio_state(on: bool) -> Request<(bool, bool)> {
    change(basic::RADIO_STATE, basic::set_radio_state(on), "a radio state", basic::radio_state)
}

/// The code that is waited for, and its tries.
pub fn pin() -> Request<basic::PinInfo> {
    ask(basic::PIN, Vec::new(), "a code", basic::pin)
}

/// Uses a code. What comes of it is asked afterwards.
pub fn use_pin(kind: u32, operation: basic::PinOperation, code: &str, new: &str) -> Request<()> {
    change(basic::PIN, basic::set_pin(kind, operation, code, new), "a code", |_| Some(()))
}

/// Whether PIN1 is asked for at power-up.
pub fn pin1_enabled() -> Request<Option<bool>> {
    ask(basic::PIN_LIST, Vec::new(), "a list of codes", |data| Some(basic::pin1_enabled(data)))
}

/// The SIM's network.
pub fn home_provider() -> Request<basic::Provider> {
    ask(basic::HOME_PROVIDER, Vec::new(), "a network", basic::provider)
}

/// Searches for networks.
pub fn visible_providers() -> Request<Vec<basic::Provider>> {
    ask(basic::VISIBLE_PROVIDERS, basic::full_scan(), "networks", basic::providers).within(SEARCH)
}

/// The network in use.
pub fn registration() -> Request<basic::Registration> {
    ask(basic::REGISTER_STATE, Vec::new(), "a registration", basic::registration)
}

/// Chooses a network by its number, or leaves the choice to the modem.
pub fn register(number: Option<&str>) -> Request<basic::Registration> {
    change(basic::REGISTER_STATE, basic::set_register(number), "a registration", basic::registration)
        .within(NETWORK)
}

/// Whether packets pass.
pub fn packet_service() -> Request<basic::PacketService> {
    ask(basic::PACKET_SERVICE, Vec::new(), "a packet service", basic::packet_service)
}

/// Attaches to the packet service, or detaches.
pub fn attach(on: bool) -> Request<basic::PacketService> {
    change(basic::PACKET_SERVICE, basic::set_packet_service(on), "a packet service", basic::packet_service)
        .within(NETWORK)
}

/// How it receives.
pub fn signal() -> Request<basic::Signal> {
    ask(basic::SIGNAL_STATE, Vec::new(), "a signal", basic::signal)
}

/// How a connection stands.
pub fn connection(session: u32) -> Request<basic::Connection> {
    ask(basic::CONNECT, basic::connection_query(session), "a connection", basic::connection)
}

/// Brings a connection up.
pub fn activate(session: u32, wanted: basic::Activation<'_>) -> Request<basic::Connection> {
    change(basic::CONNECT, basic::activate(session, wanted), "a connection", basic::connection)
        .within(NETWORK)
}

/// Takes a connection down.
pub fn deactivate(session: u32) -> Request<basic::Connection> {
    change(basic::CONNECT, basic::deactivate(session), "a connection", basic::connection)
}

/// The addresses of a connection.
pub fn ip_configuration(session: u32) -> Request<basic::IpConfiguration> {
    let data = basic::ip_configuration_query(session);
    ask(basic::IP_CONFIGURATION, data, "addresses", basic::ip_configuration)
}

/// Every stored message. New ones count as read from then on, so it is no mere question.
pub fn stored_messages() -> Request<Vec<sms::Stored>> {
    let all = Request::query(Service::SMS, sms::READ, sms::read_all(), "messages", sms::stored);
    Request { effect: Effect::Changes, ..all }.within(super::PATIENT)
}

/// Sends one PDU; the answer is its reference.
pub fn send_message(pdu: &[u8]) -> Request<u32> {
    Request::set(Service::SMS, sms::SEND, sms::send(pdu), "a message's number", sms::reference)
        .within(NETWORK)
}

/// Deletes what is at one place.
pub fn delete_message(index: u32) -> Request<()> {
    Request::set(Service::SMS, sms::DELETE, sms::delete(index), "nothing", |_| Some(()))
}

/// Sends a code, or a reply to the network's question.
pub fn ussd(action: ussd::Action, scheme: u8, payload: &[u8]) -> Request<ussd::Reply> {
    let data = ussd::request(action, scheme, payload);
    Request::set(Service::USSD, ussd::USSD, data, "a word of the network", ussd::reply).within(USSD)
}
