use std::net::TcpListener;

use super::*;

/// A server that says `head` and then a byte again and again, as long as somebody listens.
fn dripping(head: &'static str) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    Address::Tcp { host: "127.0.0.1".to_owned(), port, tls: None }
}

fn document(server: &Address, limit: Limit) -> Result<Vec<u8>> {
    server.send("GET", "/", &[], &mut io::empty(), 0, limit)?.document()
}

#[test]
fn an_answer_that_comes_byte_by_byte_has_an_end() {
    for head in ["HTTP/1.0 200 OK\r\nX: ", "HTTP/1.0 200 OK\r\n\r\n"] {
        let time = Duration::from_millis(300);
        let limit = Limit { time, until: Instant::now() + time, cancel: Cancel::new(), patience: None };
        let error = document(&dripping(head), limit).unwrap_err();
        assert!(error.is(Kind::Io), "{head:?}: {error:?}");
        // Whoever wants to stop is heard as well.
        let cancel = Cancel::new();
        let raised = cancel.clone();
        let server = dripping(head);
        let asking = std::thread::spawn(move || document(&server, Limit::of(&cancel)));
        raised.cancel();
        let error = asking.join().unwrap().unwrap_err();
        assert!(error.is(Kind::Interrupted), "{head:?}: {error:?}");
    }
}

/// Beside the tests of the whole program.
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/certificates/");

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(format!("{CERTIFICATES}{name}.pem")).unwrap()
}

/// A server with TLS that says `answer` and is gone: with a word, or as one whose power failed.
fn encrypted(answer: &'static str, says_so: bool) -> Address {
    use stickshift_tls::rustls::{ServerConnection, StreamOwned};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(stickshift_tls::server(&pem("own"), &pem("key")).unwrap());
    std::thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        if says_so {
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    let trust = stickshift_tls::Trust::from_pem(&pem("own")).unwrap();
    let tls = Some(Arc::new(stickshift_tls::client(&trust, None, None).unwrap()));
    Address::Tcp { host: "127.0.0.1".to_owned(), port, tls }
}

#[test]
fn an_encrypted_answer_that_somebody_cut_is_no_whole_one() {
    const CUT: &str = "HTTP/1.0 200 OK\r\n\r\n{\"role\":\"owner\"}\n{";
    let limit = || Limit::of(&Cancel::new());
    assert!(document(&encrypted(CUT, true), limit()).is_ok(), "the server says that this is all");
    let error = document(&encrypted(CUT, false), limit()).unwrap_err();
    assert!(error.is(Kind::Io) && error.what().contains("before the end"), "{error:?}");
    for says_so in [true, false] {
        let server = encrypted(CUT, says_so);
        let mut answer = server.send("GET", "/", &[], &mut io::empty(), 0, limit()).unwrap();
        let mut lines = Vec::new();
        let error = loop {
            match answer.line() {
                Ok(line) => lines.extend(line),
                Err(error) => break error,
            }
        };
        // Half a line is none.
        assert_eq!((lines.len(), error.is(Kind::Io)), (1, true), "{lines:?}: {error:?}");
    }
}

#[test]
fn a_document_that_ends_before_its_length_is_no_whole_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\ncontent-length: 20\r\n\r\n{}");
    });
    let server = Address::Tcp { host: "127.0.0.1".to_owned(), port, tls: None };
    let error = document(&server, Limit::of(&Cancel::new())).unwrap_err();
    assert!(error.is(Kind::Io) && error.what().contains("before the end"), "{error:?}");
}

/// A server that says `answer` and waits until the client is gone.
fn waiting(answer: Vec<u8>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.write_all(&answer);
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    Address::Tcp { host: "127.0.0.1".to_owned(), port, tls: None }
}

#[test]
fn a_document_ends_where_its_length_says() {
    let server = waiting(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec());
    assert_eq!(document(&server, Limit::of(&Cancel::new())).unwrap(), b"{}");
}

#[test]
fn a_line_is_not_longer_than_any_is() {
    let mut answer = b"HTTP/1.0 200 OK\r\n\r\n\n\nshort\n".to_vec();
    answer.resize(LINE + (1 << 20), b'x');
    let server = waiting(answer);
    let mut answer = server.send("GET", "/", &[], &mut io::empty(), 0, Limit::of(&Cancel::new())).unwrap();
    let mut lines = Vec::new();
    let error = loop {
        match answer.line() {
            Ok(line) => lines.extend(line),
            Err(error) => break error,
        }
        assert!(answer.searched <= answer.buffer.len());
    };
    assert_eq!(lines, [b"short\n"]);
    assert!(error.what().contains("does not end"), "{error:?}");
}

#[test]
fn what_tls_says_has_no_address_for_programmers() {
    let error = io::Error::new(ErrorKind::UnexpectedEof, "peer closed: https://docs.rs/rustls");
    assert!(!said(&error).contains("https"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_unix_socket_that_nobody_accepts_from_can_be_left() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&server, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&server, 0).unwrap();
    let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let time = Duration::from_millis(300);
    let limit = Limit { time, until: Instant::now() + time, cancel: Cancel::new(), patience: None };
    assert!(unix_stream(&path, &limit).unwrap_err().is(Kind::Io));
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(unix_stream(&path, &Limit::of(&cancel)).unwrap_err().is(Kind::Interrupted));
}

#[test]
fn lines_are_read_a_piece_at_a_time() {
    let limit = Limit::of(&Cancel::new());
    let server = dripping("HTTP/1.0 200 OK\r\n\r\na line\n");
    let mut answer = server.send("GET", "/", &[], &mut io::empty(), 0, limit).unwrap();
    let line = std::iter::repeat_with(|| answer.line().unwrap()).find_map(|line| line);
    assert_eq!(line.unwrap(), b"a line\n");
    assert_eq!(answer.line().unwrap(), None, "the next one never ends");
}
