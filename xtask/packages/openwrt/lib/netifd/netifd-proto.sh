# Stands in for netifd's script of this name: the functions that a protocol handler calls, and the messages that netifd is sent by them.
. /usr/share/libubox/jshn.sh
PROTO_DEFAULT_OPTIONS='defaultroute peerdns metric'

# Kinds of options, as numbers of blobmsg: boolean 7, integer 5, text 3.
option_of() {
	json_add_array ''
	json_add_string '' "$2"
	json_add_int '' "$1"
	json_close_array
}
proto_config_add_string() { option_of 3 "$1"; }
proto_config_add_int() { option_of 5 "$1"; }
proto_config_add_boolean() { option_of 7 "$1"; }
proto_config_add_defaults() {
	proto_config_add_boolean defaultroute
	proto_config_add_boolean peerdns
	proto_config_add_int metric
}

notify() {
	json_add_string interface "$1"
	ubus call network.interface notify_proto "$(json_dump)"
}
proto_init_update() {
	_SENT_IP= _SENT_IP6= _SENT_ROUTES= _SENT_ROUTES6= _SENT_DNS=
	json_init
	json_add_int action 0
	[ "$1" = '*' ] || json_add_string ifname "$1"
	json_add_boolean link-up "$2"
}
proto_add_ipv4_address() { _SENT_IP="$_SENT_IP $1/$2"; }
proto_add_ipv6_address() { _SENT_IP6="$_SENT_IP6 $1/$2"; }
proto_add_ipv4_route() { _SENT_ROUTES="$_SENT_ROUTES $1/$2/$3"; }
proto_add_ipv6_route() { _SENT_ROUTES6="$_SENT_ROUTES6 $1/$2/$3"; }
proto_add_dns_server() { _SENT_DNS="$_SENT_DNS $1"; }
pairs() {
	local name="$1" first="$2" second="$3" third="$4" item
	shift 4
	[ $# -gt 0 ] || return 0
	json_add_array "$name"
	for item; do
		json_add_object ''
		json_add_string "$first" "${item%%/*}"
		item="${item#*/}"
		json_add_string "$second" "${item%%/*}"
		[ -z "$third" ] || [ -z "${item#*/}" ] || json_add_string "$third" "${item#*/}"
		json_close_object
	done
	json_close_array
}
proto_send_update() {
	local server
	pairs ipaddr ipaddr mask '' $_SENT_IP
	pairs ip6addr ipaddr mask '' $_SENT_IP6
	pairs routes target netmask gateway $_SENT_ROUTES
	pairs routes6 target netmask gateway $_SENT_ROUTES6
	[ -z "$_SENT_DNS" ] || {
		json_add_array dns
		for server in $_SENT_DNS; do json_add_string '' "$server"; done
		json_close_array
	}
	notify "$1"
}
proto_notify_error() {
	local interface="$1" word
	shift
	json_init
	json_add_int action 3
	json_add_array error
	for word; do json_add_string '' "$word"; done
	json_close_array
	notify "$interface"
}
proto_run_command() {
	local interface="$1" word
	shift
	json_init
	json_add_int action 1
	json_add_array command
	for word; do json_add_string '' "$word"; done
	json_close_array
	notify "$interface"
}
simple() {
	json_init
	json_add_int action "$2"
	notify "$1"
}
proto_kill_command() { simple "$1" 2; }
proto_block_restart() { simple "$1" 4; }
proto_set_available() {
	json_init
	json_add_int action 5
	json_add_boolean available "$2"
	notify "$1"
}

# handler.sh PROTOCOL dump | setup|teardown INTERFACE CONFIG
init_proto() {
	wanted="$1" command="$2" interface="$3" data="$4"
	add_protocol() {
		[ "$1" = "$wanted" ] || return 0
		case "$command" in
			dump)
				json_init
				json_add_string name "$1"
				json_add_array config
				"proto_$1_init_config"
				json_close_array
				json_add_boolean no-device "$no_device"
				json_add_boolean available "$available"
				json_dump
				;;
			setup | teardown)
				json_load "$data"
				"proto_$1_$command" "$interface"
				;;
		esac
	}
}
