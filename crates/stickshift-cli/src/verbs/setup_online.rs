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
         ExecStopPost=\"{program}\" online down %i\n\
         WatchdogSec=180\nTimeoutStartSec=infinity\nRestart=on-failure\nRestartSec=30\n\
         # The SIM, options, rights: no repetition mends these.\nRestartPreventExitStatus=2 4 10 15\n\
         StateDirectory=stickshift\nRuntimeDirectory=stickshift\nRuntimeDirectoryPreserve=yes\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        program = program.display()
    )
}

/// netifd's protocol handler `stickshift`: `/lib/netifd/proto/stickshift.sh`.
pub(super) fn protocol_handler() -> String {
    // netifd sources the file twice: to be told of the protocol's options, and to set up an interface.
    r#"#!/bin/sh
# netifd protocol `stickshift`: option place '1-1.2', apn, username, password, auth, ip, way, roaming, metric.
# The stick is dialled by stickshift; addresses, routes and name servers are netifd's.
[ -n "$INCLUDE_ONLY" ] || {
	. /lib/functions.sh
	. ../netifd-proto.sh
	init_proto "$@"
}

proto_stickshift_init_config() {
	no_device=1
	available=1
	proto_config_add_string place
	proto_config_add_string apn
	proto_config_add_string username
	proto_config_add_string password
	proto_config_add_string auth
	proto_config_add_string ip
	proto_config_add_string way
	proto_config_add_boolean roaming
	proto_config_add_defaults
}

proto_stickshift_setup() {
	local interface="$1" place apn username password auth ip way roaming result
	json_get_vars place apn username password auth ip way roaming $PROTO_DEFAULT_OPTIONS
	set -- online up $place --no-default --check none --json
	[ -n "$apn" ] && set -- "$@" --apn "$apn"
	[ -n "$username" ] && set -- "$@" --user "$username"
	[ -n "$auth" ] && set -- "$@" --auth "$auth"
	[ -n "$ip" ] && set -- "$@" --ip "$ip"
	[ -n "$way" ] && set -- "$@" --way "$way"
	[ "$roaming" = 1 ] && set -- "$@" --roaming
	result="$(STICKSHIFT_APN_PASSWORD="$password" stickshift "$@" | tail -n 1)"
	json_load "$result"
	json_get_vars exit kind
	if [ "${exit:-0}" != 0 ]; then
		proto_notify_error "$interface" "$kind"
		# The SIM and its PIN: trying again spends tries.
		[ "$exit" = 10 ] && proto_block_restart "$interface"
		proto_setup_failed "$interface"
		return 1
	fi
	json_select result
	local device addresses dns address server gateway mtu
	json_get_var device interface
	json_get_var gateway gateway
	json_get_values addresses addresses
	json_get_values dns dns
	proto_init_update "$device" 1
	for address in $addresses; do
		case "$address" in
			*:*) proto_add_ipv6_address "${address%/*}" "${address#*/}" ;;
			*) proto_add_ipv4_address "${address%/*}" "${address#*/}"
			   proto_add_ipv4_route 0.0.0.0 0 "$gateway" ;;
		esac
	done
	for server in $dns; do proto_add_dns_server "$server"; done
	proto_send_update "$interface"
}

proto_stickshift_teardown() {
	local place
	json_get_var place place
	stickshift online down $place
	proto_kill_command "$1"
}

[ -n "$INCLUDE_ONLY" ] || {
	add_protocol stickshift
}
"#
    .to_owned()
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
}
