//! A host that asks for a page over TCP, for tests of what is at the other end.

use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::IpAddress;

/// So many turns a page may take.
pub(crate) const TURNS: usize = 3000;

/// Opens a connection to port 80.
pub(crate) fn connect(
    host: &mut Interface,
    sockets: &mut SocketSet<'static>,
    to: IpAddress,
    room: usize,
) -> SocketHandle {
    let buffer = || tcp::SocketBuffer::new(vec![0; room]);
    let handle = sockets.add(tcp::Socket::new(buffer(), buffer()));
    let port = 40_000 + u16::try_from(sockets.iter().count()).unwrap();
    sockets.get_mut::<tcp::Socket<'_>>(handle).connect(host.context(), (to, 80), port).unwrap();
    handle
}

/// A request that goes out once it can, and what came for it so far.
pub(crate) struct PageReader {
    handle: SocketHandle,
    request: Option<String>,
    pub(crate) answer: Vec<u8>,
}

impl PageReader {
    pub(crate) fn new(handle: SocketHandle, path: &str, host: &str) -> PageReader {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        PageReader { handle, request: Some(request), answer: Vec::new() }
    }

    /// Sends and reads what can be; whether the server has closed.
    pub(crate) fn turn(&mut self, sockets: &mut SocketSet<'static>) -> bool {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.handle);
        if socket.can_send()
            && let Some(request) = self.request.take()
        {
            socket.send_slice(request.as_bytes()).unwrap();
        }
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), self.answer.extend_from_slice(bytes))).unwrap();
        }
        let is_over = self.request.is_none() && !socket.may_recv();
        if is_over {
            socket.close();
        }
        is_over
    }
}
