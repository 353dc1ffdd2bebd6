//! How many bytes a serial port has received.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::AsRawHandle;
use std::ptr;

use windows_sys::Win32::Devices::Communication::{COMSTAT, ClearCommError};

/// Bytes that can be read without waiting.
pub(in crate::host) fn received(port: &impl AsRawHandle) -> io::Result<usize> {
    // SAFETY: a structure of numbers.
    let mut status: COMSTAT = unsafe { std::mem::zeroed() };
    // SAFETY: the port is open, and the structure lives through the call.
    match unsafe { ClearCommError(port.as_raw_handle(), ptr::null_mut(), &mut status) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(status.cbInQue as usize),
    }
}
