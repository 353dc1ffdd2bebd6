use proptest::prelude::*;

use super::*;

/// A `COMMAND_DONE` in fragments of so many bytes of body.
fn done(transaction: u32, service: Service, cid: u32, status: u32, data: &[u8], room: usize) -> Vec<Vec<u8>> {
    let mut body = service.0.to_vec();
    for number in [cid, status, data.len() as u32] {
        body.extend(number.to_le_bytes());
    }
    body.extend_from_slice(data);
    let total = body.len().div_ceil(room) as u32;
    let one = |(index, piece): (u32, &[u8])| {
        let mut message = header(COMMAND_DONE, HEADER + FRAGMENT_HEADER + piece.len(), transaction);
        message.extend(total.to_le_bytes());
        message.extend(index.to_le_bytes());
        message.extend_from_slice(piece);
        message
    };
    (0..).zip(body.chunks(room)).map(one).collect()
}

#[test]
fn opening_and_closing_in_bytes() {
    assert_eq!(encode_open(1, 4096), [1, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 16, 0, 0]);
    assert_eq!(encode_close(2), [2, 0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0]);
    let mut assembler = Assembler::default();
    let opened = [1, 0, 0, 0x80, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(assembler.push(&opened), Some(Incoming::Opened { transaction: 1, open: true, status: 0 }));
    let error = [4, 0, 0, 0x80, 16, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0];
    assert_eq!(assembler.push(&error), Some(Incoming::Error { transaction: 9, code: NOT_OPENED }));
    for cut in 0..opened.len() {
        assert_eq!(assembler.push(&opened[..cut]), None, "{cut}");
    }
}

#[test]
fn a_command_is_cut_where_it_has_to_be() {
    let command = Command { service: Service::SMS, cid: sms::SEND, set: true, data: vec![7; 300] };
    let whole = encode_command(5, &command, 4096);
    assert_eq!((whole.len(), whole[0].len()), (1, 20 + 28 + 300));
    let cut = encode_command(5, &command, 120);
    assert_eq!(cut.len(), 4);
    assert!(cut.iter().all(|piece| piece.len() <= 120));
    for (index, piece) in cut.iter().enumerate() {
        assert_eq!(piece[4..8], (piece.len() as u32).to_le_bytes());
        assert_eq!(piece[12..20], [[4, 0, 0, 0], (index as u32).to_le_bytes()].concat());
    }
    let joined: Vec<u8> = cut.iter().flat_map(|piece| piece[20..].to_vec()).collect();
    assert_eq!(joined, whole[0][20..]);
}

#[test]
fn fragments_of_something_else_are_no_part_of_a_message() {
    let pieces = done(9, Service::SMS, 2, 0, &[1; 200], 64);
    let other = done(8, Service::SMS, 2, 0, &[1; 200], 64);
    let mut assembler = Assembler::default();
    assert_eq!(assembler.push(&pieces[0]), None);
    assert_eq!(assembler.push(&other[1]), None);
    assert_eq!(pieces[1..].iter().filter_map(|piece| assembler.push(piece)).count(), 1);
    // One that lacks a fragment is none.
    let mut assembler = Assembler::default();
    let lacking = [&pieces[..1], &pieces[2..]].concat();
    assert_eq!(lacking.iter().filter_map(|piece| assembler.push(piece)).count(), 0);
    // Fragments of one may stand between those of another.
    let mut assembler = Assembler::default();
    let mixed: Vec<_> = pieces.iter().zip(&other).flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(mixed.into_iter().filter_map(|piece| assembler.push(piece)).count(), 2);
    // A new one begins at its first fragment, whatever came before.
    let all: Vec<_> =
        [&pieces[..2], &pieces].concat().iter().filter_map(|piece| assembler.push(piece)).collect();
    assert_eq!(all.len(), 1);
    // One that never ends.
    let mut endless = pieces[0].clone();
    endless[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut assembler = Assembler::default();
    for index in 0..100_000_u32 {
        endless[16..20].copy_from_slice(&index.to_le_bytes());
        assert_eq!(assembler.push(&endless), None);
    }
    assert!(format!("{assembler:?}").len() < 4 * 1024 * 1024);
}

#[test]
fn texts_and_lists_of_a_buffer() {
    let data = Builder::new().number(1).text("20801").number(9).text("Orange").text("").build();
    let fields = Fields::new(&data);
    assert_eq!((fields.number(0), fields.number(12)), (Some(1), Some(9)));
    assert_eq!(fields.text(4).as_deref(), Some("20801"));
    assert_eq!(fields.text(16).as_deref(), Some("Orange"));
    assert_eq!(fields.text(24).as_deref(), Some(""));
    assert_eq!(data.len() % 4, 0);
    // Offsets that lead out of the buffer, or around it.
    for (offset, size) in [(1000, 2), (u32::MAX, 2), (4, u32::MAX), (u32::MAX, u32::MAX), (0, 3)] {
        let bad = [offset.to_le_bytes(), size.to_le_bytes()].concat();
        assert_eq!(Fields::new(&bad).text(0), None, "{offset} {size}");
    }
    // A thousand entries that are all the whole buffer.
    let mut list = 1000_u32.to_le_bytes().to_vec();
    let size = 4 + 1000 * 8_u32;
    (0..1000).for_each(|_| list.extend([0_u32.to_le_bytes(), size.to_le_bytes()].concat()));
    assert!(Fields::new(&list).list(0).is_none());
    assert!(Fields::new(&u32::MAX.to_le_bytes()).list(0).is_none());
    assert!(Fields::new(&[[0xff; 4], [0; 4], [0; 4]].concat()).pieces(0, 4, 20).is_none());
}

#[test]
fn registration_and_its_choice() {
    let data = Builder::new()
        .number(0)
        .number(3)
        .number(1)
        .number(0x3c)
        .number(1)
        .text("20801")
        .text("Orange")
        .text("")
        .number(0)
        .build();
    let told = basic::registration(&data).unwrap();
    assert_eq!((told.state, told.manual), (basic::RegisterState::Home, Some(false)));
    assert_eq!((told.provider_id.as_str(), told.provider_name.as_str()), ("20801", "Orange"));
    assert_eq!(basic::data_class_words(told.data_classes), Some("LTE"));
    let by_hand = basic::set_register(Some("20820"));
    assert_eq!((by_hand[8], Fields::new(&by_hand).text(0).as_deref()), (1, Some("20820")));
    assert_eq!(basic::set_register(None)[..16], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0, 0, 0]);
}

#[test]
fn a_connection_and_its_addresses() {
    let wanted = basic::Activation {
        apn: "internet",
        user: "u",
        password: "p",
        auth: basic::Auth::Chap,
        ip: basic::IpType::V4V6,
    };
    let data = basic::activate(0, wanted);
    let fields = Fields::new(&data);
    assert_eq!([fields.number(4), fields.number(36), fields.number(40)], [Some(1), Some(2), Some(3)]);
    assert_eq!([8, 16, 24].map(|at| fields.text(at).unwrap()), ["internet", "u", "p"]);
    assert_eq!(fields.array::<4>(44), Some([0x7e, 0x5e, 0x2a, 0x7e]));
    assert_eq!(basic::deactivate(0).len(), 60);
    assert_eq!((basic::connection_query(0).len(), basic::ip_configuration_query(0).len()), (36, 60));

    let mut numbers = [0_u32; 15];
    (numbers[1], numbers[2]) = (0xf, 0x1);
    (numbers[3], numbers[4]) = (1, 60);
    (numbers[5], numbers[6]) = (1, 68);
    (numbers[7], numbers[9], numbers[10]) = (88, 2, 92);
    numbers[13] = 1430;
    let mut data: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
    data.extend([30, 0, 0, 0, 10, 0, 0, 2]);
    data.extend([64, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    data.extend([10, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    let told = basic::ip_configuration(&data).unwrap();
    assert_eq!(told.ipv4, [("10.0.0.2".parse().unwrap(), 30)]);
    assert_eq!(told.ipv6, [("2001:db8::2".parse().unwrap(), 64)]);
    assert_eq!(told.ipv4_gateway, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(told.ipv4_dns, ["1.1.1.1", "2.2.2.2"].map(|text| text.parse::<std::net::Ipv4Addr>().unwrap()));
    assert_eq!((told.ipv4_mtu, told.ipv6_mtu, told.ipv6_gateway), (Some(1430), None, None));
    for cut in 0..data.len() {
        assert_eq!(basic::ip_configuration(&data[..cut]), None, "{cut}");
    }
}

#[test]
fn a_message_to_send_counts_from_its_own_record() {
    let data = sms::send(&[0, 0x11, 0]);
    assert_eq!(data, [0, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0, 0x11, 0, 0]);
    assert_eq!(sms::delete(3), [1, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(sms::read_all(), [0; 12]);
}

#[test]
fn stored_messages() {
    let record = |index, status, pdu: &[u8]| Builder::new().number(index).number(status).bytes(pdu).build();
    let (one, two) = (record(0, 0, &[1, 2, 3]), record(7, 9, &[4]));
    let data = Builder::new().number(0).number(2).bytes(&one).bytes(&two).build();
    let all = sms::stored(&data).unwrap();
    assert_eq!(all[0], sms::Stored { index: 0, status: Some(sms::Status::New), pdu: vec![1, 2, 3] });
    assert_eq!(all[1], sms::Stored { index: 7, status: None, pdu: vec![4] });
    assert_eq!(sms::stored(&[0; 8]), Some(Vec::new()));
}

#[test]
fn codes_of_ussd_and_of_the_sim() {
    let data = ussd::request(ussd::Action::Initiate, 15, &[0xaa, 0x18, 0x0c, 0x36, 0x02]);
    assert_eq!(data[..16], [0, 0, 0, 0, 15, 0, 0, 0, 16, 0, 0, 0, 5, 0, 0, 0]);
    let told = Builder::new().number(1).number(0).number(15).bytes(&[0xc2]).build();
    let reply = ussd::reply(&told).unwrap();
    assert_eq!((reply.response, reply.payload), (ussd::Response::ReplyExpected, vec![0xc2]));
    let data = basic::set_pin(basic::PUK1, basic::PinOperation::Enter, "12345678", "1234");
    let fields = Fields::new(&data);
    assert_eq!([fields.number(0), fields.number(4)], [Some(11), Some(0)]);
    assert_eq!([8, 16].map(|at| fields.text(at).unwrap()), ["12345678", "1234"]);
    let pin = basic::pin(&Builder::new().number(2).number(1).number(u32::MAX).build()).unwrap();
    assert_eq!((pin.locked, pin.remaining), (true, None));
}

/// What every decoder makes of any bytes.
fn decode_all(data: &[u8]) {
    basic::device_caps(data);
    basic::subscriber(data);
    basic::radio_state(data);
    basic::pin(data);
    basic::pin1_enabled(data);
    basic::provider(data);
    basic::providers(data);
    basic::registration(data);
    basic::packet_service(data);
    basic::signal(data);
    basic::connection(data);
    basic::ip_configuration(data);
    sms::stored(data);
    sms::reference(data);
    ussd::reply(data);
}

proptest! {
    #[test]
    fn fragments_are_put_together(data in proptest::collection::vec(any::<u8>(), 0..2000), room in 1usize..300) {
        let mut assembler = Assembler::default();
        let pieces = done(3, Service::USSD, 1, 0, &data, room);
        let whole: Vec<_> = pieces.iter().filter_map(|piece| assembler.push(piece)).collect();
        let expected = Incoming::Done { transaction: 3, service: Service::USSD, cid: 1, status: 0, data };
        prop_assert_eq!(whole, vec![expected]);
    }

    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        Assembler::default().push(&data);
        decode_all(&data);
    }

    #[test]
    fn small_numbers_are_survived_too(numbers in proptest::collection::vec(0u32..200, 0..80)) {
        let data: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        decode_all(&data);
    }
}
