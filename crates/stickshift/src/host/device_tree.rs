//! The system's tree of devices where it names them by text, as Windows does: which serial port and which drive belongs to which interface of a
//! stick.

/// One device of the tree below a stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its identifier: `USB\\VID_12D1&PID_1506&MI_02\\7&2A5F8A1&0&0002`.
    pub(crate) id: String,
    /// Index of the device above it; `None` for the stick itself.
    pub(crate) parent: Option<usize>,
    /// The name of its serial port: `COM5`.
    pub(crate) port: Option<String>,
}

/// The interface that a device stands for: that of the nearest device above it that names one, 0 where the stick has a single function.
pub(crate) fn interface_of(tree: &[Node], index: usize) -> u8 {
    let mut at = Some(index);
    // No tree is deeper than it has devices.
    for _ in 0..tree.len() {
        let Some(node) = at.and_then(|at| tree.get(at)) else { break };
        if let Some(number) = number(&node.id) {
            return number;
        }
        at = node.parent;
    }
    0
}

/// `..&MI_02\\..`: bInterfaceNumber, in hexadecimal digits.
fn number(id: &str) -> Option<u8> {
    let upper = id.to_ascii_uppercase();
    let (_, rest) = upper.split_once("&MI_")?;
    u8::from_str_radix(rest.get(..2)?, 16).ok()
}

/// The serial ports of a stick, by interface.
pub(crate) fn ports(tree: &[Node]) -> Vec<(u8, String)> {
    let named = tree.iter().enumerate().filter_map(|(index, node)| Some((index, node.port.clone()?)));
    let mut ports: Vec<(u8, String)> = named.map(|(index, port)| (interface_of(tree, index), port)).collect();
    ports.sort();
    ports.dedup_by_key(|(number, _)| *number);
    ports
}

/// The identifiers of devices that may be the drive of an interface, nearest to the stick first.
pub(crate) fn below(tree: &[Node], interface: u8) -> Vec<&str> {
    let all = tree.iter().enumerate().skip(1);
    all.filter(|(index, _)| interface_of(tree, *index) == interface)
        .map(|(_, node)| node.id.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, parent: Option<usize>, port: Option<&str>) -> Node {
        Node { id: id.to_owned(), parent, port: port.map(str::to_owned) }
    }

    /// A K3772 as a modem, with Huawei's drivers.
    fn modem() -> Vec<Node> {
        vec![
            node("USB\\VID_12D1&PID_14CF\\6&1A", None, None),
            node("USB\\VID_12D1&PID_14CF&MI_00\\7&1", Some(0), Some("COM5")),
            node("USB\\VID_12D1&PID_14CF&MI_01\\7&2", Some(0), None),
            node("HWPORT\\DIAG\\8&1", Some(2), Some("COM6")),
            node("USB\\VID_12D1&PID_14CF&MI_02\\7&3", Some(0), Some("COM14")),
            node("USB\\VID_12D1&PID_14CF&MI_03\\7&4", Some(0), None),
            node("USBSTOR\\DISK&VEN_HUAWEI\\8&2", Some(5), None),
        ]
    }

    #[test]
    fn ports_go_with_the_interface_above_them() {
        let ports = ports(&modem());
        assert_eq!(ports, [(0, "COM5".into()), (1, "COM6".into()), (2, "COM14".into())]);
    }

    #[test]
    fn drives_are_found_below_their_interface() {
        let tree = modem();
        assert_eq!(below(&tree, 3), ["USB\\VID_12D1&PID_14CF&MI_03\\7&4", "USBSTOR\\DISK&VEN_HUAWEI\\8&2"]);
        let single = [
            node("USB\\VID_12D1&PID_1526\\6&1A", None, None),
            node("USBSTOR\\CDROM&VEN_HUAWEI\\7&1", Some(0), None),
        ];
        assert_eq!(below(&single, 0), ["USBSTOR\\CDROM&VEN_HUAWEI\\7&1"]);
        assert!(below(&single, 1).is_empty());
    }

    #[test]
    fn a_tree_in_a_circle_ends() {
        let circle = [node("A", Some(1), Some("COM1")), node("B", Some(0), None)];
        assert_eq!(ports(&circle), [(0, "COM1".into())]);
    }
}
