//! Ways to attach a virtual stick to other programs: ptys, TCP for its web server, the kernel's virtual host controller, USB/IP.

#[cfg(unix)]
pub mod pty;
#[cfg(target_os = "linux")]
pub mod rack;
#[cfg(unix)]
pub mod tcp;
pub mod usb;
#[cfg(target_os = "linux")]
pub mod usbip;
#[cfg(target_os = "linux")]
pub mod vhci;
