//! The tree of devices, by Windows' configuration manager.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt;
use std::ptr;

use windows_sys::Win32::Devices::DeviceAndDriverInstallation::{
    CM_GET_DEVICE_INTERFACE_LIST_PRESENT, CM_Get_Child, CM_Get_Device_IDW,
    CM_Get_Device_Interface_List_SizeW, CM_Get_Device_Interface_ListW, CM_Get_Sibling,
    CM_LOCATE_DEVNODE_NORMAL, CM_Locate_DevNodeW, CM_Open_DevNode_Key, CM_REGISTRY_HARDWARE, CR_SUCCESS,
    RegDisposition_OpenExisting,
};
use windows_sys::Win32::System::Registry::{
    HKEY, KEY_READ, REG_SZ, RRF_RT_REG_SZ, RegCloseKey, RegGetValueW,
};
use windows_sys::core::GUID;

use super::super::device_tree::Node;

/// No stick shows more functions and drives than that.
const MOST_DEVICES: usize = 256;
/// MAX_DEVICE_ID_LEN, with its end.
const LONGEST_ID: usize = 201;

/// GUID_DEVINTERFACE_CDROM and GUID_DEVINTERFACE_DISK (ntddstor.h).
const DRIVES: [GUID; 2] = [
    GUID::from_u128(0x53f56308_b6bf_11d0_94f2_00a0c91efb8b),
    GUID::from_u128(0x53f56307_b6bf_11d0_94f2_00a0c91efb8b),
];

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

fn text(units: &[u16]) -> String {
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(&units[..end])
}

/// The devices below the one with this identifier, itself first; empty when it left.
pub(super) fn tree(instance: &OsStr) -> Vec<Node> {
    let id = wide(instance);
    let mut root = 0;
    // SAFETY: `id` ends with a zero, and `root` takes the handle.
    let found = unsafe { CM_Locate_DevNodeW(&mut root, id.as_ptr(), CM_LOCATE_DEVNODE_NORMAL) };
    let mut nodes = Vec::new();
    if found == CR_SUCCESS {
        collect(root, None, &mut nodes);
    }
    nodes
}

fn collect(device: u32, parent: Option<usize>, nodes: &mut Vec<Node>) {
    if nodes.len() >= MOST_DEVICES {
        return;
    }
    let index = nodes.len();
    nodes.push(Node { id: id(device), parent, port: port(device) });
    let mut child = 0;
    // SAFETY: `child` takes the handle.
    let mut more = unsafe { CM_Get_Child(&mut child, device, 0) };
    while more == CR_SUCCESS && nodes.len() < MOST_DEVICES {
        collect(child, Some(index), nodes);
        let before = child;
        // SAFETY: as above.
        more = unsafe { CM_Get_Sibling(&mut child, before, 0) };
    }
}

fn id(device: u32) -> String {
    let mut buffer = [0_u16; LONGEST_ID];
    // SAFETY: the buffer is as long as is said.
    let got = unsafe { CM_Get_Device_IDW(device, buffer.as_mut_ptr(), buffer.len() as u32, 0) };
    if got == CR_SUCCESS { text(&buffer) } else { String::new() }
}

/// The value PortName of the device's key.
fn port(device: u32) -> Option<String> {
    let mut key: HKEY = ptr::null_mut();
    // SAFETY: `key` takes the handle, which is closed below.
    let opened = unsafe {
        CM_Open_DevNode_Key(device, KEY_READ, 0, RegDisposition_OpenExisting, &mut key, CM_REGISTRY_HARDWARE)
    };
    if opened != CR_SUCCESS {
        return None;
    }
    let name = wide(OsStr::new("PortName"));
    let mut buffer = [0_u16; 64];
    let (mut kind, mut bytes) = (REG_SZ, (buffer.len() * 2) as u32);
    // SAFETY: name and buffer live through the call, and the length is the buffer's in bytes.
    let got = unsafe {
        RegGetValueW(
            key,
            ptr::null(),
            name.as_ptr(),
            RRF_RT_REG_SZ,
            &mut kind,
            buffer.as_mut_ptr().cast(),
            &mut bytes,
        )
    };
    // SAFETY: opened above, and not used any more.
    unsafe { RegCloseKey(key) };
    let port = text(&buffer);
    (got == 0 && port.starts_with("COM")).then_some(port)
}

/// The path by which the drive of a device is opened; `None` when it is none.
pub(super) fn drive_path(id: &str) -> Option<Vec<u16>> {
    let id = wide(OsStr::new(id));
    DRIVES.iter().find_map(|class| {
        let mut length = 0;
        // SAFETY: class and id live through the call.
        let sized = unsafe {
            CM_Get_Device_Interface_List_SizeW(
                &mut length,
                class,
                id.as_ptr(),
                CM_GET_DEVICE_INTERFACE_LIST_PRESENT,
            )
        };
        if sized != CR_SUCCESS || length < 2 {
            return None;
        }
        let mut list = vec![0_u16; length as usize];
        // SAFETY: the list is as long as is said.
        let got = unsafe {
            CM_Get_Device_Interface_ListW(
                class,
                id.as_ptr(),
                list.as_mut_ptr(),
                length,
                CM_GET_DEVICE_INTERFACE_LIST_PRESENT,
            )
        };
        // Paths one after another, each with a zero at its end.
        let end = list.iter().position(|unit| *unit == 0)?;
        (got == CR_SUCCESS && end > 0).then(|| list[..=end].to_vec())
    })
}
