//! The systemd units that `setup systemd` writes.

#[cfg(unix)]
use std::fs;
use std::path::Path;

use stickshift::error::{Error, ErrorKind, Result};

/// Folders that the unit hides from the service by ProtectHome and PrivateTmp.
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// Refuses a unit that could not start its program.
pub(super) fn refuse_hidden(program: &Path) -> Result<()> {
    let refused = |c: char| "$'\"\\".contains(c) || c.is_control();
    if program.display().to_string().contains(refused) {
        let what = "systemd starts no program with a quotation mark, a backslash, a dollar sign or a control character in its path: \
                    copy stickshift to /usr/local/bin and run it from there";
        return Err(Error::new(ErrorKind::Usage, what).with("program", program.display()));
    }
    let Some(folder) = HIDDEN.iter().find(|folder| program.starts_with(folder)) else { return Ok(()) };
    let what = format!(
        "the service cannot start a program below {folder}, which is hidden from it: \
         copy stickshift to /usr/local/bin and run it from there"
    );
    Err(Error::new(ErrorKind::Usage, what).with("program", program.display()))
}

/// What no unit of ours needs beside device nodes is taken from it.
pub(super) const HARDENED: &str = "\
    DevicePolicy=closed\n\
    DeviceAllow=char-usb_device rw\n\
    DeviceAllow=char-ttyUSB rw\n\
    DeviceAllow=char-ttyACM rw\n\
    DeviceAllow=char-usbmisc rw\n\
    KeyringMode=private\n\
    LockPersonality=yes\n\
    MemoryDenyWriteExecute=yes\n\
    NoNewPrivileges=yes\n\
    PrivateTmp=yes\n\
    ProtectClock=yes\n\
    ProtectControlGroups=yes\n\
    ProtectHome=yes\n\
    ProtectHostname=yes\n\
    ProtectKernelLogs=yes\n\
    ProtectKernelModules=yes\n\
    ProtectSystem=strict\n\
    RemoveIPC=yes\n\
    RestrictNamespaces=yes\n\
    RestrictRealtime=yes\n\
    RestrictSUIDSGID=yes\n\
    SystemCallArchitectures=native\n\
    SystemCallFilter=@system-service\n\
    SystemCallFilter=~@privileged @resources\n\
    UMask=0077\n\
    ";

/// The unit of `stickshift watch`.
pub(super) fn unit(program: &Path) -> String {
    format!(
        "# Written by `stickshift setup systemd`.\n\
         [Unit]\n\
         Description=Switch USB modem sticks from CD-ROM to modem\n\
         Documentation=man:stickshift-watch(1)\n\
         # Those rules switch sticks already.\n\
         ConditionPathExists=!/etc/udev/rules.d/81-stickshift-switch.rules\n\
         ConditionPathExists=!/usr/lib/udev/rules.d/81-stickshift-switch.rules\n\
         After=systemd-udevd.service\n\n\
         [Service]\n\
         ExecStart={} watch\n\
         Restart=on-failure\n\
         # It needs device nodes, sysfs and the kernel's messages about devices; nothing else.\n\
         CapabilityBoundingSet=\n\
         IPAddressDeny=any\n\
         MemoryMax=32M\n\
         RestrictAddressFamilies=AF_NETLINK AF_UNIX\n\
         {HARDENED}\n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        unit_word(program)
    )
}

/// The program, or a folder on the way to it, that others than root can change. What is not known is left out.
#[cfg(unix)]
pub(super) fn writable_by_others(program: &Path) -> Option<&Path> {
    use std::os::unix::fs::MetadataExt;
    program.ancestors().find(|path| {
        // In a folder with the sticky bit nobody replaces what is root's.
        let open = |m: fs::Metadata| m.uid() != 0 || (m.mode() & 0o022 != 0 && m.mode() & 0o1000 == 0);
        fs::symlink_metadata(path).is_ok_and(|m| !m.is_symlink() && open(m))
    })
}

#[cfg(not(unix))]
pub(super) fn writable_by_others(_: &Path) -> Option<&Path> {
    None
}

/// A path as one word of a unit: in quotes, and without what systemd would expand.
pub(super) fn unit_word(path: &Path) -> String {
    let mut word = String::from("\"");
    for c in path.display().to_string().chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            '%' | '$' => word.extend([c, c]),
            c if c.is_control() => word.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => word.push(c),
        }
    }
    word + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_program_that_others_can_write_is_seen() {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(writable_by_others(Path::new("/usr/bin")), None);
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("stickshift");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(writable_by_others(&program), Some(&*program));
    }

    #[test]
    fn a_program_that_the_unit_hides_from_itself_is_refused() {
        for hidden in [
            "/home/me/.cargo/bin/stickshift",
            "/root/stickshift",
            "/tmp/s",
            "/var/tmp/s",
            "/run/user/1/s",
            "/opt/$x/s",
            "/opt/\"/s",
        ] {
            let refused = refuse_hidden(Path::new(hidden)).unwrap_err();
            assert!(refused.is(ErrorKind::Usage) && refused.what().contains("/usr/local/bin"), "{refused}");
        }
        for seen in ["/usr/bin/stickshift", "/usr/local/bin/stickshift", "/opt/s", "/homes/s"] {
            refuse_hidden(Path::new(seen)).unwrap();
        }
    }

    #[test]
    fn the_unit_runs_this_program() {
        assert!(unit(Path::new("/usr/bin/stickshift")).contains("ExecStart=\"/usr/bin/stickshift\" watch\n"));
    }

    #[test]
    fn a_path_is_one_word_of_the_unit() {
        for (path, word) in [
            ("/a b/stickshift", "\"/a b/stickshift\""),
            ("/50%/$x/\"s\\", "\"/50%%/$$x/\\\"s\\\\\""),
            ("/a\nExecStartPre=x", "\"/a\\x0aExecStartPre=x\""),
        ] {
            assert_eq!(unit_word(Path::new(path)), word);
        }
    }
}
