//! A drive that takes whole SCSI commands: IOCTL_SCSI_PASS_THROUGH_DIRECT (ntddscsi.h).
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BAD_COMMAND, ERROR_DEV_NOT_EXIST, ERROR_DEVICE_NOT_CONNECTED,
    ERROR_GEN_FAILURE, ERROR_IO_DEVICE, ERROR_NO_SUCH_DEVICE, ERROR_SEM_TIMEOUT, ERROR_SHARING_VIOLATION,
    GENERIC_READ, GENERIC_WRITE, GetLastError, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
};
use windows_sys::Win32::Storage::IscsiDisc::{IOCTL_SCSI_PASS_THROUGH_DIRECT, SCSI_PASS_THROUGH_DIRECT};
use windows_sys::Win32::System::IO::DeviceIoControl;

use super::super::pass_through::{Executed, Payload, ScsiUnit};
use crate::error::{Error, ErrorKind, Result};

/// SCSI_IOCTL_DATA_OUT, _IN and _UNSPECIFIED.
const DATA_OUT: u8 = 0;
const DATA_IN: u8 = 1;
const NO_DATA: u8 = 2;

/// The request, with room for the sense data that the driver fetches by itself.
#[repr(C)]
struct Request {
    command: SCSI_PASS_THROUGH_DIRECT,
    sense: [u8; 32],
}

/// An opened drive.
pub(super) struct Drive {
    handle: OwnedHandle,
}

impl Drive {
    /// Opens the drive with this path, which ends with a zero.
    pub(super) fn open(path: &[u16]) -> Result<Drive> {
        // SAFETY: the path ends with a zero and lives through the call.
        let handle = unsafe {
            CreateFileW(
                path.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                ptr::null(),
                OPEN_EXISTING,
                0,
                ptr::null_mut(),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(failed("cannot open the stick's drive"));
        }
        // SAFETY: a valid handle that nobody else owns.
        Ok(Drive { handle: unsafe { OwnedHandle::from_raw_handle(handle) } })
    }
}

impl ScsiUnit for Drive {
    fn execute(&mut self, cdb: &[u8], payload: Payload<'_>, timeout: Duration) -> Result<Executed> {
        // Drives want their data aligned; eight bytes are more than any bus of sticks asks for.
        let length = match &payload {
            Payload::None => 0,
            Payload::In(buffer) => buffer.len(),
            Payload::Out(bytes) => bytes.len(),
        };
        let mut data = vec![0_u64; length.div_ceil(8)];
        if let Payload::Out(bytes) = &payload {
            // SAFETY: `data` has at least as many bytes, and the two do not overlap.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.as_mut_ptr().cast::<u8>(), length) };
        }
        let mut request = Request { command: SCSI_PASS_THROUGH_DIRECT::default(), sense: [0; 32] };
        let command = &mut request.command;
        command.Length = size_of::<SCSI_PASS_THROUGH_DIRECT>() as u16;
        command.CdbLength = cdb.len().min(16) as u8;
        command.Cdb[..cdb.len().min(16)].copy_from_slice(&cdb[..cdb.len().min(16)]);
        command.DataIn = match payload {
            Payload::None => NO_DATA,
            Payload::In(_) => DATA_IN,
            Payload::Out(_) => DATA_OUT,
        };
        command.DataTransferLength = length as u32;
        command.DataBuffer = if length == 0 { ptr::null_mut() } else { data.as_mut_ptr().cast::<c_void>() };
        command.SenseInfoLength = 32;
        command.SenseInfoOffset = offset_of!(Request, sense) as u32;
        command.TimeOutValue = u32::try_from(timeout.as_secs().max(1)).unwrap_or(u32::MAX);
        let mut returned = 0;
        let size = size_of::<Request>() as u32;
        let place: *mut c_void = ptr::from_mut(&mut request).cast();
        // SAFETY: the request and the data it points to live through the call, which is not overlapped.
        let done = unsafe {
            DeviceIoControl(
                self.handle.as_raw_handle(),
                IOCTL_SCSI_PASS_THROUGH_DIRECT,
                place,
                size,
                place,
                size,
                &mut returned,
                ptr::null_mut(),
            )
        };
        if done == 0 {
            return Err(failed("the drive did not take the command"));
        }
        let moved = (request.command.DataTransferLength as usize).min(length);
        if let Payload::In(buffer) = payload {
            // SAFETY: as many bytes are in both, and they do not overlap.
            unsafe { ptr::copy_nonoverlapping(data.as_ptr().cast::<u8>(), buffer.as_mut_ptr(), moved) };
        }
        Ok(Executed { status: request.command.ScsiStatus, moved })
    }
}

/// What the last call ended with. A stick that switches takes its drive away in the middle of the command, which drivers report in several ways.
fn failed(what: &str) -> Error {
    // SAFETY: it reads a value of this thread.
    let code = unsafe { GetLastError() };
    let kind = match code {
        ERROR_ACCESS_DENIED => ErrorKind::PermissionDenied,
        ERROR_SHARING_VIOLATION => ErrorKind::PortBusy,
        ERROR_SEM_TIMEOUT => ErrorKind::Timeout,
        ERROR_DEV_NOT_EXIST
        | ERROR_DEVICE_NOT_CONNECTED
        | ERROR_NO_SUCH_DEVICE
        | ERROR_GEN_FAILURE
        | ERROR_BAD_COMMAND
        | ERROR_IO_DEVICE => ErrorKind::Disconnected,
        _ => ErrorKind::Io,
    };
    Error::new(kind, what).because(std::io::Error::from_raw_os_error(code as i32))
}
