//! What is wrong with an entry as a whole: it reads well, and cannot do what its owner wants.
//!
//! ```
//! use stickshift::profile::{Parameters, check};
//!
//! let twice: Parameters = toml::from_str("method = ['HuaweiNewMode', 'HuaweiAltMode']").unwrap();
//! assert!(check::faults(&twice)[0].starts_with("two methods"));
//! assert!(check::faults(&Parameters::default())[0].starts_with("it does nothing"));
//! ```

use crate::hex;
use crate::profile::{Entry, Key, Method, Origin, Parameters, builtin};
use crate::wire::scsi::CommandBlock;

/// The lengths of SCSI commands by the group of their first byte (SPC-4 section 4.2.5.1); 0 where a vendor says.
const COMMAND_LENGTHS: [usize; 8] = [6, 10, 10, 0, 16, 12, 0, 0];

/// Why an entry cannot work: one lower-case sentence each, the gravest first. Nothing for one that can.
pub fn faults(parameters: &Parameters) -> Vec<String> {
    let p = parameters;
    let mut faults = Vec::new();
    let methods: Vec<&str> = p.methods_on().map(Method::name).collect();
    let pantech = p.pantech.is_some_and(|n| n > 0).then_some("PantechMode");
    let methods: Vec<&str> = methods.into_iter().chain(pantech).collect();
    if methods.len() > 1 {
        let all = methods.join(" and ");
        faults.push(format!(
            "two methods, {all}: usb_modeswitch refuses this; keep the one that the stick needs"
        ));
    }
    let eject_alone = methods == ["StandardEject"];
    let messages = p.messages().count();
    if eject_alone && messages > 1 {
        faults.push("StandardEject sends one message after it: the later ones are not sent".to_owned());
    } else if !methods.is_empty() && !eject_alone && messages > 0 {
        faults.push(format!(
            "a message beside {}: it is not sent, the method is run alone; take out one of the two",
            methods.join(" and ")
        ));
    }
    for (number, message) in p.messages.iter().enumerate().filter(|(_, message)| !message.is_empty()) {
        let name = match number {
            0 => "MessageContent".to_owned(),
            n => format!("MessageContent{}", n + 1),
        };
        faults.extend(message_fault(message).map(|fault| format!("{name}: {fault}")));
    }
    if cfg!(feature = "formats") {
        faults.extend(number_faults(p, !methods.is_empty()));
    }
    if let Some(gap) = p.messages.iter().position(Vec::is_empty)
        && p.messages[gap..].iter().any(|message| !message.is_empty())
        && methods.is_empty()
    {
        faults.push(format!("a later message is there and message {} is not", gap + 1));
    }
    if !p.does_something() && !p.is_leave_alone() {
        faults.push("it does nothing: there is no method, no message and no configuration in it".to_owned());
    }
    faults
}

/// What is wrong with the numbers of an entry.
fn number_faults(p: &Parameters, has_method: bool) -> Vec<String> {
    let mut faults = Vec::new();
    if p.wait_before_s.is_some_and(|s| s > 3600) {
        faults.push("WaitBefore is in seconds: it would wait for more than an hour".to_owned());
    }
    let endpoints =
        [("MessageEndpoint", p.message_endpoint, 0x00), ("ResponseEndpoint", p.response_endpoint, 0x80)];
    // Of a message that is no command, nothing is read.
    let reads = has_method || p.messages().any(|message| message.starts_with(&CommandBlock::SIGNATURE));
    for (name, endpoint, direction) in endpoints.into_iter().take(1 + usize::from(reads)) {
        if endpoint.is_some_and(|n| n != 0 && n & 0x80 != direction) {
            faults.push(format!("{name} is of the other direction: 0x01 sends, 0x81 receives"));
        }
    }
    faults
}

/// What is wrong with the bytes of a message.
fn message_fault(message: &[u8]) -> Option<String> {
    let length = message.len();
    if let Some(command) = CommandBlock::parse(message) {
        return match command {
            CommandBlock { cdb_length: 17.., .. } => {
                Some(format!("its command would have {} bytes, and 16 is the most", command.cdb_length))
            }
            CommandBlock { cdb, .. } if cdb == [0; 16] && command.cdb_length == 0 => {
                Some("there is no command in the wrapper".to_owned())
            }
            _ => None,
        };
    }
    if is_known(message) {
        return None;
    }
    if is_cut_wrapper(message) {
        return Some(format!("a command wrapper has 31 bytes, and this has {length}"));
    }
    if (28..=34).contains(&length) {
        let start = hex::encode(&message[..4]);
        return Some(format!("a command wrapper begins with 55534243 (USBC), this with {start}"));
    }
    if message.starts_with(b"USBS") {
        return Some("this is the answer of a stick (USBS), not what is sent to it".to_owned());
    }
    let is_command = matches!(length, 6 | 10 | 12 | 16)
        && matches!(COMMAND_LENGTHS[usize::from(message[0] >> 5)], n if n == 0 || n <= length);
    if is_command {
        let mut cdb = [0; 16];
        cdb[..length].copy_from_slice(message);
        let (tag, cdb_length) = ([0x12, 0x34, 0x56, 0x78], length as u8);
        let wrapped = CommandBlock { tag, data_length: 0, flags: 0, lun: 0, cdb_length, cdb };
        let wrapped = hex::encode(&wrapped.encode());
        return Some(format!("this is a SCSI command without its wrapper; {wrapped} sends it"));
    }
    None
}

/// Whether a message begins as a command wrapper does and has another length: no stick takes it.
///
/// ```
/// use stickshift::profile::check::is_cut_wrapper;
///
/// assert!(is_cut_wrapper(&[0x55, 0x53]) && !is_cut_wrapper(&[0x1b, 0x5a, 0x01]));
/// ```
pub fn is_cut_wrapper(message: &[u8]) -> bool {
    let signature = CommandBlock::SIGNATURE;
    let begins = message.starts_with(&signature) || message.len() > 1 && signature.starts_with(message);
    begins && CommandBlock::parse(message).is_none() && !is_known(message)
}

/// Whether some stick of the catalogue takes this message.
fn is_known(message: &[u8]) -> bool {
    builtin::messages().binary_search_by(|known| known.as_slice().cmp(message)).is_ok()
}

/// What an owner's entry takes the place of, in one lower-case sentence: the built-in one for the same stick, where it does something else.
pub fn shadows(entry: &Entry) -> Option<String> {
    let same_key = |known: &Key| *known == entry.key;
    let known = builtin::lookup(entry.key.id()?).find(|known| same_key(&known.key))?;
    let action = |p: &Parameters| {
        let p = p.clone().with_named_methods();
        (p.methods, p.messages, p.pantech.filter(|n| *n > 0), p.configuration, p.control_message, p.mbim)
    };
    if action(&known.parameters) == action(&entry.parameters) {
        return None;
    }
    let what = known.parameters.summary();
    Some(format!("it takes the place of the built-in profile for {}, which says {what}", entry.key))
}

/// Everything that is to be said of an entry: faults, and for an owner's what it takes the place of.
pub fn remarks(entry: &Entry, origin: Origin) -> Vec<String> {
    let shadowed = (origin == Origin::User).then(|| shadows(entry)).flatten();
    faults(&entry.parameters).into_iter().chain(shadowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::formats::usb_modeswitch;

    /// A file may hold thousands of messages that are no command wrapper.
    #[test]
    fn the_catalogue_is_decoded_once_for_all_messages() {
        let before = builtin::DECODED.get();
        for n in 0..100u8 {
            assert!(!is_cut_wrapper(&[n, 1, 2, 3]));
            assert!(!is_known(&[n, 1, 2, 3]));
        }
        let decoded = builtin::DECODED.get() - before;
        assert!(decoded <= builtin::all().count(), "{decoded}");
        let known = builtin::all().find_map(|entry| entry.parameters.messages().next().map(<[u8]>::to_vec));
        assert!(is_known(&known.unwrap()));
    }

    fn faults_of(text: &str) -> Vec<String> {
        faults(&usb_modeswitch::parse(text).unwrap().parameters)
    }

    #[test]
    fn every_built_in_entry_is_sound() {
        for entry in builtin::all() {
            assert_eq!(remarks(&entry, Origin::User), [""; 0], "{}", entry.key);
        }
    }

    #[test]
    fn what_cannot_work_is_found() {
        let wrapper = "55534243123456780000000000000011062000000100000000000000000000";
        for (text, said) in [
            ("HuaweiNewMode=1\nHuaweiAltMode=1", "two methods"),
            ("StandardEject=1\nPantechMode=2", "two methods"),
            (&format!("HuaweiMode=1\nMessageContent={wrapper}"), "a message beside HuaweiMode"),
            (
                &format!("StandardEject=1\nMessageContent={wrapper}\nMessageContent2={wrapper}"),
                "StandardEject sends one message after it",
            ),
            (
                &format!("MessageContent={}", &wrapper[..60]),
                "MessageContent: a command wrapper has 31 bytes, and this has 30",
            ),
            (
                &format!("MessageContent={wrapper}00"),
                "MessageContent: a command wrapper has 31 bytes, and this has 32",
            ),
            (
                &format!("MessageContent=55534234{}", &wrapper[8..]),
                "MessageContent: a command wrapper begins with 55534243 (USBC), this with 55534234",
            ),
            ("MessageContent=5553", "MessageContent: a command wrapper has 31 bytes, and this has 2"),
            (&format!("MessageContent=55{}", wrapper), "MessageContent: a command wrapper begins with"),
            (
                "MessageContent=11062000000000000100",
                "MessageContent: this is a SCSI command without its wrapper; 55534243123456780000000000000a11062000000000000100",
            ),
            ("MessageContent=1b0000000200", "MessageContent: this is a SCSI command without"),
            ("MessageContent=55534253123456780000000000", "MessageContent: this is the answer"),
            ("MessageContent2=1b5a01", "a later message"),
            ("TargetProduct=14dc", "it does nothing"),
            ("HuaweiNewMode=1\nMessageEndpoint=81", "MessageEndpoint is of the other direction"),
            ("HuaweiNewMode=1\nResponseEndpoint=01", "ResponseEndpoint is of the other direction"),
            ("HuaweiNewMode=1\nWaitBefore=100000", "WaitBefore is in seconds"),
            ("HuaweiNewMode=on", "it does nothing"),
            ("TargetClass=ff\nReleaseDelay=500", "it does nothing"),
        ] {
            let found = faults_of(text);
            assert!(found.iter().any(|fault| fault.starts_with(said)), "{text}: {found:?}");
        }
        for good in [
            "StandardEject=1",
            "StandardEject=1\nMessageContent=1b5a01",
            "Configuration=0",
            "MessageContent=1b5a01",
            "ResetUSB=1",
            "DetachStorageOnly=1",
        ] {
            assert_eq!(faults_of(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn an_entry_in_the_place_of_another_is_named() {
        let entry = |name: &str, text: &str| {
            usb_modeswitch::parse(text).unwrap().into_entry(name.parse().unwrap(), "test")
        };
        let new = "MessageContent=55534243123456780000000000000011062000000101000100000000000000";
        assert!(shadows(&entry("12d1:1f01", "HuaweiAltMode=1")).unwrap().contains("HuaweiNewMode"));
        assert_eq!(shadows(&entry("12d1:1f01", "HuaweiNewMode=1")), None);
        assert_eq!(shadows(&entry("12d1:1f01", new)), None, "the same by its bytes");
        assert_eq!(shadows(&entry("12d1:fff0", "HuaweiAltMode=1")), None);
        assert_eq!(shadows(&entry("12d1:1f01:uMa=x", "HuaweiAltMode=1")), None);
    }
}
