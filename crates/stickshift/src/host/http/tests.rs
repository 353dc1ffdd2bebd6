use std::net::TcpListener;
use std::thread;

use super::*;

fn parse(answer: &[u8]) -> std::result::Result<HttpResponse, String> {
    read_response(&mut &answer[..]).map_err(|e| match e {
        Trouble::Io(e) => e.kind().to_string(),
        Trouble::Bad(what) => what.to_owned(),
    })
}

/// A server that answers one connection: it reads the request's head and body, then does what it is told.
fn server(answer: impl FnOnce(TcpStream) + Send + 'static) -> (WebLink, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 1024];
        while !got.ends_with(b"<request/>") && !got.ends_with(b"\r\n\r\n") {
            let n = stream.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..n]);
        }
        answer(stream);
        got
    });
    (WebLink::new("127.0.0.1", port, None), handle)
}

fn get(path: &str, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method: "GET",
        path: path.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout,
        cancel: Cancel::new(),
    }
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_request_as_it_is_sent_and_an_answer_without_blanks() {
    let (mut link, server) = server(|mut stream| {
        let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie:SessionID=abc;path=/\r\nset-cookie: b=2\r\n__RequestVerificationToken:XY\r\nContent-Length:4\r\n\r\nbody and more";
        stream.write_all(answer).unwrap();
    });
    let request = HttpRequest {
        method: "POST",
        path: "/api/user/login?x=1".into(),
        headers: vec![("Cookie".into(), "SessionID=abc".into())],
        body: b"<request/>".to_vec(),
        timeout: LONG,
        cancel: Cancel::new(),
    };
    let response = link.request(&request).unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"body"[..]));
    assert_eq!(response.header_all("Set-Cookie").collect::<Vec<_>>(), ["SessionID=abc;path=/", "b=2"]);
    assert_eq!(response.header("__requestverificationtoken"), Some("XY"));
    let sent = String::from_utf8(server.join().unwrap()).unwrap();
    let port = link.addresses[0].port();
    assert_eq!(
        sent,
        format!(
            "POST /api/user/login?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: SessionID=abc\r\nContent-Length: 10\r\nConnection: close\r\n\r\n<request/>"
        )
    );
}

#[test]
fn bodies_by_length_by_pieces_and_by_closing() {
    assert_eq!(parse(b"HTTP/1.0 200 OK\nServer: x\n\nuntil the end").unwrap().body, b"until the end");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
    assert_eq!(parse(chunked).unwrap().body, b"Wiki0123456789");
    assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().body, b"");
    let after_100 =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 307 Moved\r\nLocation: /html\r\nContent-Length: 0\r\n\r\n";
    let moved = parse(after_100).unwrap();
    assert_eq!((moved.status, moved.header("location")), (307, Some("/html")));
}

#[test]
fn an_odd_line_costs_no_answer() {
    let odd = b"HTTP/1.1 200\r\nno colon\r\nTwo words: x\r\nServer : web\r\nETag:\xff\n\r\nbody";
    let response = parse(odd).unwrap();
    assert_eq!((response.status, response.header("server")), (200, Some("web")));
    assert_eq!(response.header("etag"), Some("\u{fffd}"));
    assert_eq!(response.headers.len(), 2);
}

#[test]
fn every_cut_is_an_early_end() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for n in 0..whole.len() {
        assert_eq!(parse(&whole[..n]).unwrap_err(), "unexpected end of file", "{n}");
    }
    let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for n in 0..whole.len() {
        assert_eq!(parse(&whole[..n]).unwrap_err(), "unexpected end of file", "{n}");
    }
}

#[test]
fn what_is_not_http_or_lies_is_refused() {
    for (answer, what) in [
        (&b"\x55\x55\x55\r\n"[..], "not HTTP"),
        (b"ICY 200 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "two lengths"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not a number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "larger"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", "larger"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n", "no length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "larger"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "longer than it said"),
    ] {
        let error = parse(answer).unwrap_err();
        assert!(error.contains(what), "{}: {error}", String::from_utf8_lossy(answer));
    }
}

/// Endless input of one byte pattern, to see that reading stops.
struct Endless(&'static [u8], usize, u64);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.0[self.1 % self.0.len()];
            self.1 += 1;
        }
        self.2 += buffer.len() as u64;
        assert!(self.2 < 16 * 1024 * 1024, "it reads without end");
        Ok(buffer.len())
    }
}

#[test]
fn endless_answers_end() {
    let stop = |head: &'static [u8], pattern: &'static [u8]| {
        let mut reader = BufReader::new(head.chain(Endless(pattern, 0, 0)));
        match read_response(&mut reader) {
            Err(Trouble::Bad(what)) => what,
            Err(Trouble::Io(e)) => panic!("{e}"),
            Ok(_) => panic!("it was taken"),
        }
    };
    assert!(stop(b"", b"x").contains("too large"));
    assert!(stop(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n").contains("too many"));
    assert!(stop(b"HTTP/1.1 200 OK\r\n", b"x").contains("too large"));
    assert!(stop(b"HTTP/1.1 200 OK\r\n\r\n", b"x").contains("larger"));
    assert!(stop(b"", b"HTTP/1.1 100 C\r\n\r\n").contains("too large"));
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(stop(chunks, b"4\r\nabcd\r\n").contains("larger"));
}

#[test]
fn what_would_break_out_of_its_line_is_not_sent() {
    for (path, header) in
        [("/a b", "x"), ("/a\r\nX: y", "x"), ("a", "x"), ("/a", "x\r\nEvil: 1"), ("/a", "x\n")]
    {
        let mut request = get(path, LONG);
        request.headers.push(("Token".into(), header.into()));
        assert!(encode(&request, "h").unwrap_err().is(ErrorKind::Usage), "{path:?} {header:?}");
    }
}

#[test]
fn a_connection_that_ends_early_was_sent() {
    let (mut link, server) = server(drop);
    let error = link.request(&get("/", LONG)).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected), "{error:?}");
    assert_eq!(error.fact("sent"), Some("yes"));
    server.join().unwrap();
}

#[test]
fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = WebLink::new("127.0.0.1", port, None).request(&get("/", LONG)).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected), "{error:?}");
    assert_eq!(error.fact("sent"), Some("no"));
}

#[test]
fn a_slow_drip_ends_at_the_time_limit() {
    let (mut link, server) = server(|mut stream| {
        // Until the client gives up.
        while stream.write_all(b"H").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let error = link.request(&get("/", Duration::from_millis(60))).unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error:?}");
    assert_eq!(error.fact("sent"), Some("yes"));
    server.join().unwrap();
}

#[test]
fn whoever_asks_to_stop_does_not_wait_for_the_answer() {
    let mute = |stream: TcpStream| drop(io::copy(&mut &stream, &mut io::sink()));
    let dripping = |mut stream: TcpStream| {
        while stream.write_all(b"H").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    };
    for (mut link, server) in [server(mute), server(dripping)] {
        let request = get("/", LONG);
        let cancel = request.cancel.clone();
        let stop = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let error = link.request(&request).unwrap_err();
        assert!(error.is(ErrorKind::Interrupted), "{error:?}");
        assert_eq!(error.fact("sent"), Some("yes"));
        stop.join().unwrap();
        server.join().unwrap();
    }
}

#[test]
fn urls() {
    let link = WebLink::from_url("http://127.0.0.1:8080/").unwrap();
    assert_eq!(
        (link.addresses[0].to_string(), link.host()),
        ("127.0.0.1:8080".into(), "127.0.0.1:8080".into())
    );
    let link = WebLink::from_url("http://192.168.8.1").unwrap();
    assert_eq!((link.addresses[0].port(), link.host()), (80, "192.168.8.1".into()));
    assert_eq!(WebLink::from_url("http://[::1]:81").unwrap().addresses[0].to_string(), "[::1]:81");
    assert!(WebLink::from_url("https://192.168.8.1/").unwrap_err().is(ErrorKind::Unsupported));
    for bad in
        ["", "192.168.8.1", "http://", "http:///", "http://a/b", "http://a:x", "http://a b", "http://u@h"]
    {
        assert!(WebLink::from_url(bad).unwrap_err().is(ErrorKind::Usage), "{bad:?}");
    }
}

#[test]
#[cfg(target_endian = "little")]
fn addresses_come_from_the_routes_of_the_interface_alone() {
    let routes = "Iface\tDestination\tGateway\tFlags\n\
        eth0\t00000000\t0101A8C0\t0003\n\
        eth1\t00000000\t0109A8C0\t0003\n\
        eth1\t0009A8C0\t00000000\t0001\n\
        eth2\t0003A8C0\t00000000\t0001\n\
        broken\n";
    let of = |netdev: &str| -> Vec<String> {
        likely_addresses(routes, netdev).iter().map(Ipv4Addr::to_string).collect()
    };
    assert_eq!(of("eth1"), ["192.168.9.1", "192.168.8.1", "192.168.1.1"]);
    assert_eq!(of("eth2"), ["192.168.3.1", "192.168.8.1", "192.168.1.1"]);
    assert_eq!(of("wwan0"), ["192.168.8.1", "192.168.1.1"]);
}

/// A link that does not know yet at which of these addresses its server is.
fn somewhere(addresses: Vec<SocketAddr>) -> WebLink {
    WebLink { addresses, name: None, netdev: None, clock: Clock::start() }
}

#[test]
fn the_server_is_looked_for_once_at_all_addresses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (here, port) = (listener.local_addr().unwrap(), listener.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let n = stream.read(&mut request).unwrap();
            assert!(String::from_utf8_lossy(&request[..n]).contains(&format!("Host: 127.0.0.1:{port}\r\n")));
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    });
    let mut link = somewhere(vec![([127, 0, 0, 2], port).into(), here]);
    for _ in 0..2 {
        assert_eq!(link.request(&get("/", LONG)).unwrap().status, 204);
        assert_eq!(link.addresses, [here]);
    }
    server.join().unwrap();
}

#[test]
fn a_server_that_is_nowhere_is_said_with_its_addresses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut link = somewhere(vec![([127, 0, 0, 1], port).into(), ([127, 0, 0, 2], port).into()]);
    let error = link.request(&get("/", LONG)).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected), "{error:?}");
    assert_eq!((error.fact("tried"), error.request_sent()), (Some("127.0.0.1, 127.0.0.2"), Some(false)));
}

/// Addresses behind which nobody answers, not even with a refusal: the queues of their servers are full.
#[cfg(target_os = "linux")]
fn mute_addresses() -> (Vec<SocketAddr>, Vec<Socket>) {
    let (mut addresses, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let tcp = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        let listener = tcp();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let first = tcp();
        first.connect(&address).unwrap();
        addresses.push(address.as_socket().unwrap());
        kept.extend([listener, first]);
    }
    (addresses, kept)
}

#[test]
#[cfg(target_os = "linux")]
fn whoever_asks_to_stop_does_not_wait_for_connections() {
    let (addresses, _kept) = mute_addresses();
    let mut link = somewhere(addresses.clone());
    let error = link.request(&get("/", Duration::from_millis(50))).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected) && error.fact("tried").is_some(), "{error:?}");
    for addresses in [addresses.clone(), vec![addresses[0]]] {
        let request = get("/", LONG);
        let cancel = request.cancel.clone();
        let stop = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let error = somewhere(addresses).request(&request).unwrap_err();
        assert!(error.is(ErrorKind::Interrupted), "{error:?}");
        assert_eq!(error.fact("sent"), Some("no"));
        stop.join().unwrap();
    }
}

#[test]
fn every_hostile_server_is_done_with() {
    use test_support::hostile_http::{End, MODES, serve};
    let runs: Vec<_> = MODES
        .iter()
        .map(|mode| {
            thread::spawn(move || {
                let mut link = WebLink::from_url(&format!("http://{}", serve(mode))).unwrap();
                // Long, where something else than the time must end it.
                let timeout = if mode.end == End::Time { Duration::from_millis(300) } else { LONG };
                let ended = link.request(&get("/api/device/information", timeout));
                let right = match (mode.end, &ended) {
                    (End::Answer(status), Ok(answer)) => answer.status == status,
                    (End::Time, Err(e)) => e.is(ErrorKind::Timeout),
                    (End::Closed, Err(e)) => e.is(ErrorKind::Disconnected),
                    (End::Refused, Err(e)) => e.is(ErrorKind::UnexpectedAnswer),
                    _ => false,
                };
                (mode.name, right, ended.map(|answer| answer.status))
            })
        })
        .collect();
    let ended: Vec<_> = runs.into_iter().map(|run| run.join().unwrap()).collect();
    let wrong: Vec<_> = ended.iter().filter(|(_, right, _)| !right).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(ended.len() >= 58);
}

#[test]
fn looking_a_name_up_ends_when_asked_or_when_its_time_is_over() {
    let now = Instant::now();
    let stopped = Cancel::new();
    stopped.cancel();
    for (cancel, end, kind) in [
        (&stopped, now + LONG, ErrorKind::Interrupted),
        (&Cancel::new(), now, ErrorKind::Timeout),
        (&Cancel::new(), now + Duration::from_millis(150), ErrorKind::Timeout),
    ] {
        let (answer, waits) = std::sync::mpsc::channel::<()>();
        let never = move |_: &str, _: u16| {
            let _ = waits.recv();
            Ok(None)
        };
        let error = WebLink::new("stick.example", 80, None).look_up(end, cancel, never).unwrap_err();
        assert_eq!((error.kind(), error.request_sent()), (kind, Some(false)));
        drop(answer);
    }
    let found = "[::1]:81".parse().ok();
    let mut link = WebLink::new("stick.example", 81, None);
    link.look_up(now + LONG, &Cancel::new(), move |_, _| Ok(found)).unwrap();
    assert_eq!((link.addresses.as_slice(), &*link.host()), (&[found.unwrap()][..], "stick.example:81"));
    let error = WebLink::new("stick.example", 80, None).look_up(now + LONG, &Cancel::new(), |_, _| Ok(None));
    assert_eq!(error.unwrap_err().what(), "stick.example has no address");
}
