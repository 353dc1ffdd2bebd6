# Stands in for OpenWrt's /lib/functions.sh in the tests of the packages: the functions that they call, with their documented meaning.
N="
"

append() {
	eval "$1=\"\${$1:+\${$1}${3:- }}\$2\""
}

# Sections and options of a package of UCI, as `uci export` states them.
config_load() {
	CONFIG_SECTIONS=
	eval "$(uci -n export "$1")"
}
package() { :; }
config() {
	CONFIG_SECTION="$2"
	append CONFIG_SECTIONS "$2"
	eval "CONFIG_${2}_TYPE=\$1"
}
option() { eval "CONFIG_${CONFIG_SECTION}_$1=\$2"; }
list() { append "CONFIG_${CONFIG_SECTION}_$1" "$2"; }
config_get() { eval "$1=\"\${CONFIG_${2}_${3}:-\$4}\""; }
config_get_bool() {
	config_get "$1" "$2" "$3" "$4"
	eval "case \"\$$1\" in 1|on|true|yes|enabled) $1=1 ;; *) $1=0 ;; esac"
}
config_foreach() {
	local call="$1" type="$2" section kind
	shift 2
	for section in $CONFIG_SECTIONS; do
		config_get kind "$section" TYPE
		[ "$kind" = "$type" ] && "$call" "$section" "$@"
	done
	return 0
}

# Services of a package are enabled and started, or stopped and disabled; an upgrade leaves enabled what is enabled.
services() { sed -n 's#^\(/etc/init\.d/[^/]*\)$#\1#p' "/lib/apk/packages/$pkgname.list" "/usr/lib/opkg/info/$pkgname.list" 2>/dev/null | sort -u; }
default_postinst() {
	local service
	for service in $(services); do
		[ "$PKG_UPGRADE" = 1 ] || "$service" enable
		"$service" start
	done
}
default_prerm() {
	local service
	for service in $(services); do
		"$service" stop
		[ "$PKG_UPGRADE" = 1 ] || "$service" disable
	done
}
