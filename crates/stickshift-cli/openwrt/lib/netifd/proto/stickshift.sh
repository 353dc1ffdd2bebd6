#!/bin/sh
# netifd protocol `stickshift`: the stick is dialled by stickshift; addresses, routes and name servers are netifd's.
# Options: place '1-1.2' (without it the only stick), apn, pincode, username, password, auth, ip, way, roaming,
# check (0: a network that answers nobody, as some of companies do, is no lost connection).
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
	proto_config_add_string pincode
	proto_config_add_string username
	proto_config_add_string password
	proto_config_add_string auth
	proto_config_add_string ip
	proto_config_add_string way
	proto_config_add_boolean roaming
	proto_config_add_boolean check
	proto_config_add_defaults
}

proto_stickshift_setup() {
	local interface="$1"
	local place apn pincode username password auth ip way roaming check
	local result exit kind device gateway gateway6 addresses address dns server
	json_get_vars place apn pincode username password auth ip way roaming check

	set -- --no-default --check none --json
	[ -n "$apn" ] && set -- "$@" --apn="$apn"
	[ -n "$username" ] && set -- "$@" --user="$username"
	[ -n "$auth" ] && set -- "$@" --auth="$auth"
	[ -n "$ip" ] && set -- "$@" --ip="$ip"
	[ -n "$way" ] && set -- "$@" --way="$way"
	[ "$roaming" = 1 ] && set -- "$@" --roaming
	[ -n "$place" ] && set -- "$@" -- "$place"
	[ -n "$pincode" ] && export STICKSHIFT_PIN="$pincode"
	# Empty, it says that there is none.
	[ -n "$username" ] && export STICKSHIFT_APN_PASSWORD="$password"
	result="$(stickshift online up "$@" </dev/null | tail -n 1)"
	json_load "${result:-{\}}"
	json_get_vars exit kind
	if [ "$exit" != 0 ]; then
		proto_notify_error "$interface" "${kind:-failed}"
		case "$exit:$kind" in
			# No stick: it comes with the hotplug event.
			3:*) proto_set_available "$interface" 0 ;;
			# Another program has the port, or the driver is not there yet: that passes.
			*:port-busy|*:no-such-port) sleep 15 ;;
			# Options, rights, the SIM, the limit: no repetition mends these, and some spend tries.
			2:*|4:*|5:*|10:*|15:*|*:unsupported) proto_block_restart "$interface" ;;
			# netifd tries again at once.
			*) sleep 15 ;;
		esac
		return 1
	fi

	json_select result
	json_get_var place place
	json_get_var device interface
	json_get_var gateway gateway
	json_get_var gateway6 gateway6
	json_get_values addresses addresses
	json_get_values dns dns
	# Teardown is of this stick, also where the settings name no place and another stick was plugged in since.
	echo "$place" >"${STICKSHIFT_RUN:-/var/run}/stickshift.$interface"
	proto_init_update "$device" 1
	for address in $addresses; do
		case "$address" in
			*:*)
				proto_add_ipv6_address "${address%/*}" "${address#*/}"
				proto_add_ipv6_route :: 0 "$gateway6"
				;;
			*)
				proto_add_ipv4_address "${address%/*}" "${address#*/}"
				proto_add_ipv4_route 0.0.0.0 0 "$gateway"
				;;
		esac
	done
	for server in $dns; do
		proto_add_dns_server "$server"
	done
	proto_send_update "$interface"
	# Its end tells netifd that the connection is lost.
	[ "$check" = 0 ] || [ ! -x /lib/netifd/stickshift-check ] || proto_run_command "$interface" /lib/netifd/stickshift-check "$place"
}

proto_stickshift_teardown() {
	local interface="$1" place
	json_get_vars place
	[ -n "$place" ] || place="$(cat "${STICKSHIFT_RUN:-/var/run}/stickshift.$interface" 2>/dev/null)"
	proto_kill_command "$interface"
	# netifd gives it five seconds.
	stickshift online down --quiet ${place:+-- "$place"} </dev/null
	# 6: the stick keeps something of it, and nothing is left to take back.
	case $? in
	0 | 6) rm -f "${STICKSHIFT_RUN:-/var/run}/stickshift.$interface" ;;
	esac
	proto_init_update "*" 0
	proto_send_update "$interface"
}

[ -n "$INCLUDE_ONLY" ] || add_protocol stickshift
