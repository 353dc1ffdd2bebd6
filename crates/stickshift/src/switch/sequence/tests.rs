use super::*;
use crate::wire::usb::{ConfigurationDescriptor, DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor};

fn view(device_class: u8, interface_class: u8) -> View {
    let device = DeviceDescriptor {
        usb: 0x0200,
        class: [device_class, 0, 0],
        max_packet: 64,
        vendor: 0x12d1,
        product: 0x1f01,
        release: 0,
        manufacturer_index: 0,
        product_index: 0,
        serial_index: 0,
        configurations: 1,
    };
    let endpoint = |address, attributes| EndpointDescriptor {
        address,
        attributes,
        max_packet: 512,
        interval: 0,
        extra: vec![],
    };
    let interface = InterfaceDescriptor {
        class: [interface_class, 6, 0x50],
        // An interrupt endpoint first, so that the first one is not always the right one.
        endpoints: vec![endpoint(0x83, 3), endpoint(0x02, 2), endpoint(0x85, 2), endpoint(0x06, 2)],
        ..InterfaceDescriptor::default()
    };
    let second = InterfaceDescriptor { number: 4, class: [0xff, 0, 0], ..InterfaceDescriptor::default() };
    let configuration = ConfigurationDescriptor {
        value: 1,
        name_index: 0,
        attributes: 0x80,
        max_power: 250,
        extra: vec![],
        interfaces: vec![interface, second],
    };
    View { device, configurations: vec![configuration], active: 1 }
}

fn with(method: Method) -> Parameters {
    let mut p = Parameters::default();
    p.turn_on(method);
    p
}

#[test]
fn messages_go_to_the_first_bulk_endpoints_and_drivers_are_detached_by_count() {
    let sequence = sequence(&with(Method::HuaweiNew), &view(0, 8)).unwrap();
    let lines: Vec<String> = sequence.transfers.iter().map(Transfer::to_string).collect();
    assert_eq!(
        lines,
        [
            "detach the driver of interface 0",
            "detach the driver of interface 1",
            "claim interface 0",
            "send to endpoint 02: 55534243123456780000000000000011062000000101000100000000000000 (Huawei switch for Linux)",
            "read the status from endpoint 85",
            "clear the halt of endpoint 85",
            "clear the halt of endpoint 02",
            "wait 50 ms",
            "release interface 0",
        ]
    );
}

#[test]
fn the_driver_of_the_interface_that_is_claimed_is_detached_whatever_its_number() {
    let mut view = view(0, 0xff);
    view.configurations[0].interfaces[1] = InterfaceDescriptor {
        number: 4,
        class: [8, 6, 0x50],
        ..view.configurations[0].interfaces[0].clone()
    };
    let p = Parameters { interface: Some(4), ..with(Method::HuaweiNew) };
    let lines: Vec<String> =
        sequence(&p, &view).unwrap().transfers.iter().take(4).map(Transfer::to_string).collect();
    let detach = |n| format!("detach the driver of interface {n}");
    assert_eq!(lines, [detach(0), detach(1), detach(4), "claim interface 4".to_owned()]);
}

#[test]
fn endpoints_of_the_other_direction_are_refused() {
    for (message, response) in [(Some(0x85), None), (None, Some(0x02)), (Some(0x02), Some(0x05))] {
        let p =
            Parameters { message_endpoint: message, response_endpoint: response, ..with(Method::HuaweiNew) };
        assert!(
            sequence(&p, &view(0, 8)).unwrap_err().is(ErrorKind::WrongInterface),
            "{message:?} {response:?}"
        );
    }
}

#[test]
fn storage_commands_go_to_storage_only() {
    let mut raw = Parameters::default();
    raw.messages[0] = b"USBC and more".to_vec();
    let storage =
        [Method::StandardEject, Method::HuaweiNew, Method::HuaweiAlt, Method::Cisco, Method::Option];
    for p in storage.map(with).iter().chain([&raw]) {
        let error = sequence(p, &view(0, 0xff)).unwrap_err();
        assert!(error.is(ErrorKind::WrongInterface), "{p:?}");
        assert_eq!(error.fact("class"), Some("ff"));
        // A class of the device as a whole decides, except for a storage interface under a bogus one.
        assert!(sequence(p, &view(0xff, 8)).is_err());
        assert!(sequence(p, &view(0x02, 8)).is_ok());
        assert!(sequence(p, &view(0xef, 8)).is_ok());
    }
    // Requests on endpoint 0 and messages that are no SCSI are not held back.
    assert!(sequence(&with(Method::Sierra), &view(0, 0xff)).is_ok());
    raw.messages[0] = vec![0x1b, 0x5a, 0x01];
    assert!(sequence(&raw, &view(0, 7)).is_ok());
}

#[test]
fn one_method_at_a_time() {
    let mut p = with(Method::HuaweiNew);
    p.turn_on(Method::Option);
    assert!(sequence(&p, &view(0, 8)).unwrap_err().is(ErrorKind::Usage));
    let mut p = with(Method::Sierra);
    p.turn_on(Method::StandardEject);
    p.messages[0] = vec![1];
    let sequence = sequence(&p, &view(0, 8)).unwrap();
    assert_eq!(sequence.transfers.len(), 1);
    assert_eq!(sequence.remarks.len(), 1);
}

#[test]
fn eject_takes_one_message_with_it() {
    let mut p = with(Method::StandardEject);
    p.messages = [vec![1], vec![2], vec![3]];
    let sequence = sequence(&p, &view(0, 8)).unwrap();
    let writes = sequence.transfers.iter().filter(|t| matches!(t, Transfer::Write { .. })).count();
    assert_eq!(writes, 5);
    assert_eq!(sequence.remarks.len(), 1);
}

#[test]
fn the_data_that_a_command_asks_for_is_read_before_the_status() {
    let mut p = Parameters::default();
    p.messages[0] =
        CommandBlock { tag: [1; 4], data_length: 36, flags: 0x80, lun: 0, cdb_length: 6, cdb: [0x12; 16] }
            .encode()
            .to_vec();
    let reads = |p: &Parameters| -> Vec<Transfer> {
        let sequence = sequence(p, &view(0, 8)).unwrap();
        sequence
            .transfers
            .into_iter()
            .filter(|t| matches!(t, Transfer::ReadData { .. } | Transfer::ReadStatus { .. }))
            .collect()
    };
    let status = Transfer::ReadStatus { endpoint: 0x85, tries: 1 };
    assert_eq!(reads(&p), [Transfer::ReadData { endpoint: 0x85, length: 36 }, status.clone()]);
    p.messages[0][12] = 0;
    assert_eq!(reads(&p), [status]);
    // A claimed 4 GiB is not believed.
    p.messages[0][8..13].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x80]);
    assert_eq!(reads(&p)[0], Transfer::ReadData { endpoint: 0x85, length: 64 * 1024 });
}

#[test]
fn a_configuration_that_is_active_ends_the_plan() {
    let mut p = Parameters { configuration: Some(1), reset_usb: Some(true), ..Parameters::default() };
    let active = sequence(&p, &view(0, 8)).unwrap();
    assert_eq!((active.already_active, active.transfers.len()), (Some(1), 0));
    p.configuration = Some(0);
    p.alt_setting = Some(2);
    let lines: Vec<String> =
        sequence(&p, &view(0, 8)).unwrap().transfers.iter().map(Transfer::to_string).collect();
    assert_eq!(
        lines,
        [
            "detach the driver of interface 0",
            "claim interface 0",
            "set alternate setting 2 of interface 0",
            "release interface 0",
            "wait 1000 ms",
            "reset the port"
        ]
    );
}

#[test]
fn what_is_not_there_is_refused() {
    let mut no_endpoints = view(0, 8);
    no_endpoints.configurations[0].interfaces[0].endpoints.retain(|e| e.address & 0x80 == 0);
    assert!(sequence(&with(Method::HuaweiNew), &no_endpoints).unwrap_err().is(ErrorKind::WrongInterface));
    assert!(sequence(&with(Method::Huawei), &no_endpoints).is_ok());
    let elsewhere = Parameters { interface: Some(9), ..with(Method::HuaweiNew) };
    assert!(sequence(&elsewhere, &view(0, 8)).unwrap_err().is(ErrorKind::WrongInterface));
    let mbim = Parameters { mbim: Some(true), ..Parameters::default() };
    assert!(sequence(&mbim, &view(0, 8)).unwrap_err().is(ErrorKind::Unsupported));
    let mut empty = view(0, 8);
    empty.configurations.clear();
    assert!(sequence(&Parameters::default(), &empty).unwrap_err().is(ErrorKind::UnexpectedAnswer));
}

#[test]
fn tp_links_control_message_is_a_setup_packet() {
    let p = Parameters {
        control_message: Some([0x40, 0x0b, 0x02, 0x01, 0x04, 0x03, 0, 0]),
        ..Parameters::default()
    };
    let sequence = sequence(&p, &view(0, 0xff)).unwrap();
    assert_eq!(sequence.transfers[0].to_string(), "control request 40 0b 0102 0304, no data");
}
