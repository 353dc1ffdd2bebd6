//! systemd's files for `serve`: the service, and the socket that starts it.

use crate::verbs::setup::systemd::HARDENED;

/// The web page as a service of its own user. The udev rules of `setup udev` let `group` open sticks; it has no other right but to set
/// addresses and routes. `program` is a word of a unit.
pub(super) fn unit(program: &str, group: &str) -> String {
    format!(
        "# Written by `stickshift setup systemd --serve`.\n\
         [Unit]\n\
         Description=Web page of USB modem sticks; switches them from CD-ROM to modem\n\
         After=systemd-udevd.service network.target\n\n\
         [Service]\n\
         Type=exec\n\
         # Address, passwords, certificate, --stay=PLACE: OPTIONS of this file, in place of these.\n\
         Environment=OPTIONS=--watch STICKSHIFT_STATE=/var/lib/stickshift\n\
         EnvironmentFile=-/etc/stickshift/serve.env\n\
         ExecStart={program} serve $OPTIONS\n\
         Restart=on-failure\n\
         RestartPreventExitStatus=2\n\
         # A job that works on a stick stops at its next safe step; one that is killed leaves a state that nobody knows.\n\
         TimeoutStopSec=11min\n\
         # Not root: the udev rules of `stickshift setup udev` let this group open sticks.\n\
         DynamicUser=yes\n\
         User=stickshift\n\
         SupplementaryGroups={group}\n\
         StateDirectory=stickshift\n\
         RuntimeDirectory=stickshift\n\
         RuntimeDirectoryPreserve=yes\n\
         # Addresses and routes of connections; nothing else.\n\
         AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW\n\
         CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\n\
         MemoryMax=512M\n\
         ReadWritePaths=-/etc/stickshift/devices.d\n\
         RestrictAddressFamilies=AF_NETLINK AF_UNIX AF_INET AF_INET6 AF_PACKET\n\
         {HARDENED}\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

/// A socket of this computer alone. Whoever may open the Unix socket is let in, so it is root's.
pub(super) fn socket() -> String {
    "# Written by `stickshift setup systemd --serve-socket`.\n\
     [Unit]\n\
     Description=Web page of USB modem sticks\n\n\
     [Socket]\n\
     ListenStream=127.0.0.1:8321\n\
     ListenStream=/run/stickshift.sock\n\
     SocketMode=0600\n\n\
     [Install]\n\
     WantedBy=sockets.target\n"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_takes_the_units() {
        let unit = unit("\"/bin/true\"", "dialout");
        for text in [&unit, &socket()] {
            assert!(
                text.lines()
                    .all(|line| line.is_empty() || line.starts_with(['[', '#']) || line.contains('=')),
                "{text}"
            );
        }
        assert!(unit.contains("serve $OPTIONS\n") && unit.contains("DynamicUser=yes"));
        // As long as the server waits for its jobs, and some.
        assert!(unit.contains("TimeoutStopSec=11min\n"));
        let folder = tempfile::tempdir().unwrap();
        let files =
            ["stickshift-serve.service", "stickshift-serve.socket"].map(|name| folder.path().join(name));
        std::fs::write(&files[0], &unit).unwrap();
        std::fs::write(&files[1], socket()).unwrap();
        let verify = std::process::Command::new("systemd-analyze").arg("verify").args(&files).output();
        let Ok(verify) = verify else { return test_support::skip("there is no systemd-analyze") };
        let said = String::from_utf8_lossy(&verify.stderr);
        let of_ours: Vec<&str> = said.lines().filter(|line| line.contains("stickshift-serve")).collect();
        assert!(of_ours.is_empty(), "{of_ours:?}");
    }
}
