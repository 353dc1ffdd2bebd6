//! Files by which the system's own programs use a stick that `online` dials: NetworkManager, systemd-networkd, systemd, netifd.

#[cfg(feature = "desktop")]
use std::path::Path;

/// A connection of NetworkManager for the network card of HiLink sticks: its address, with a metric behind cable and Wi-Fi.
#[cfg(feature = "desktop")]
pub(super) fn networkmanager(interface: &str, metric: u32) -> String {
    format!(
        "# Addresses of {interface} by NetworkManager. `stickshift online up` dials and leaves them to it.\n\
         [connection]\nid=stickshift-{interface}\ntype=ethernet\ninterface-name={interface}\nautoconnect=true\n\n\
         [ethernet]\n# Sticks of a model have one hardware address: each gets its own.\ncloned-mac-address=stable\n\n\
         [ipv4]\nmethod=auto\nroute-metric={metric}\nmay-fail=true\n\n\
         [ipv6]\nmethod=auto\nroute-metric={metric}\n"
    )
}

/// A .network file of systemd-networkd for the same.
#[cfg(feature = "desktop")]
pub(super) fn networkd(interface: &str, metric: u32) -> String {
    format!(
        "# Addresses of {interface} by systemd-networkd. `stickshift online up` dials and leaves them to it.\n\
         [Match]\nName={interface}\n\n[Link]\nRequiredForOnline=no\n\n\
         [Network]\nDHCP=ipv4\nIPv6AcceptRA=yes\n\n\
         [DHCPv4]\nRouteMetric={metric}\n\n[IPv6AcceptRA]\nRouteMetric={metric}\n"
    )
}

/// A unit for each stick by its place: `stickshift-online@1-1.2`.
#[cfg(feature = "desktop")]
pub(super) fn unit(program: &Path) -> String {
    // The place is no path: it stands as it is.
    format!(
        "[Unit]\nDescription=Online through the stick at %i\nDocumentation=man:stickshift-online(1)\nAfter=network-pre.target\nWants=network-pre.target\n\n\
         [Service]\nType=notify\nEnvironmentFile=-/etc/stickshift/online-%i.env\n\
         ExecStart=\"{program}\" online up %i --stay $OPTIONS\n\
         # `down` would forget a PIN that was refused (10), and the next start spend a try.\n\
         ExecStopPost=/bin/sh -c '[ \"$$EXIT_STATUS\" = 10 ] || exec \"$$0\" online down %i' \"{program}\"\n\
         WatchdogSec=180\nTimeoutStartSec=infinity\nRestart=on-failure\nRestartSec=30\n\
         # The SIM, options, rights: no repetition mends these.\nRestartPreventExitStatus=2 4 10 15\n\
         StateDirectory=stickshift\nRuntimeDirectory=stickshift\nRuntimeDirectoryPreserve=yes\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        program = program.display()
    )
}

/// netifd's protocol handler `stickshift`: `/lib/netifd/proto/stickshift.sh`.
pub(super) fn protocol_handler() -> String {
    include_str!("../../../openwrt/lib/netifd/proto/stickshift.sh").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "desktop")]
    fn each_file_names_its_interface_and_metric() {
        for text in [networkmanager("usb0", 700), networkd("usb0", 700)] {
            assert!(text.contains("usb0") && text.contains("700"), "{text}");
            // Both programs read keys in sections.
            assert!(
                text.lines().all(|l| l.is_empty() || l.starts_with(['[', '#']) || l.contains('=')),
                "{text}"
            );
        }
        let unit = unit(Path::new("/usr/bin/stickshift"));
        assert!(unit.contains(r#"$$EXIT_STATUS" = 10 ] || exec"#), "{unit}");
        assert!(unit.contains("online up %i --stay") && unit.contains("Type=notify"));
        assert!(protocol_handler().contains("add_protocol stickshift"));
    }

    #[test]
    fn the_shell_reads_the_protocol_handler() {
        use std::process::{Command, Stdio};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stickshift.sh");
        std::fs::write(&file, protocol_handler()).unwrap();
        let status = Command::new("sh").arg("-n").arg(file).stdout(Stdio::null()).status().unwrap();
        assert!(status.success());
    }

    /// Others look for it under the name that the configuration gives it: there is no second one for IPv6 or for an alias.
    #[test]
    fn the_protocol_handler_reports_one_interface_by_its_own_name() {
        use std::process::Command;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stickshift.sh");
        std::fs::write(&file, protocol_handler()).unwrap();
        // netifd and the program, as far as the handler uses them.
        let script = format!(
            r#"INCLUDE_ONLY=1
            for f in proto_init_update proto_add_ipv4_address proto_add_ipv6_address proto_add_ipv4_route proto_add_ipv6_route proto_add_dns_server \
                proto_send_update proto_notify_error proto_block_restart; do
                eval "$f() {{ echo $f \"\$@\"; }}"
            done
            json_load() {{ :; }}; json_select() {{ :; }}
            json_get_vars() {{ place=1-1.2; exit=$CODE; kind=$KIND; }}
            json_get_var() {{ case "$2" in interface) eval "$1=wwan0" ;; gateway) eval "$1=" ;; gateway6) eval "$1=fe80::1" ;; esac; }}
            json_get_values() {{ case "$2" in addresses) eval "$1='10.0.0.2/30 2001:db8::1/64'" ;; dns) eval "$1=10.0.0.1" ;; esac; }}
            stickshift() {{ :; }}
            . {}
            proto_stickshift_setup lte"#,
            file.display()
        );
        let ran = |code: &str, kind: &str| {
            let output = Command::new("sh")
                .args(["-c", &script])
                .env("CODE", code)
                .env("KIND", kind)
                .env("STICKSHIFT_RUN", folder.path())
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(
            ran("0", "").lines().collect::<Vec<_>>(),
            [
                "proto_init_update wwan0 1",
                "proto_add_ipv4_address 10.0.0.2 30",
                "proto_add_ipv4_route 0.0.0.0 0 ",
                "proto_add_ipv6_address 2001:db8::1 64",
                "proto_add_ipv6_route :: 0 fe80::1",
                "proto_add_dns_server 10.0.0.1",
                "proto_send_update lte",
            ]
        );
        // A wrong PIN is not tried again by itself, nor what the stick does not take.
        for (code, kind) in [("10", "wrong-pin"), ("1", "unsupported")] {
            assert_eq!(
                ran(code, kind).lines().collect::<Vec<_>>(),
                [format!("proto_notify_error lte {kind}"), "proto_block_restart lte".to_owned()]
            );
        }
    }

    #[test]
    fn the_protocol_handler_hands_on_a_user_without_a_password() {
        use std::process::Command;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stickshift.sh");
        std::fs::write(&file, protocol_handler()).unwrap();
        let script = format!(
            r#"INCLUDE_ONLY=1
            json_load() {{ :; }}; proto_notify_error() {{ :; }}; proto_block_restart() {{ :; }}
            json_get_vars() {{ if [ "$1" = exit ]; then exit=2; else eval "$GIVEN"; fi; }}
            stickshift() {{ echo "$* (${{STICKSHIFT_APN_PASSWORD-not set}})" >&2; }}
            . {}
            proto_stickshift_setup lte"#,
            file.display()
        );
        for (given, wanted) in [
            ("auth=none", "--auth=none (not set)"),
            ("username=me", "--user=me ()"),
            ("username=me password=secret auth=pap", "--user=me --auth=pap (secret)"),
        ] {
            let output = Command::new("sh").args(["-c", &script]).env("GIVEN", given).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.trim_end().ends_with(wanted), "{given}: {said}");
        }
    }
}
