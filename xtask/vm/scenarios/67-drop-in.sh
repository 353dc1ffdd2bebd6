# limit: 180
# usb_modeswitch's own rules and dispatcher, with this program in the place of the one that they call.
mv /usr/sbin/usb_modeswitch /usr/sbin/usb_modeswitch.original
ln -s /usr/local/bin/stickshift /usr/sbin/usb_modeswitch
sed -i "s/^EnableLogging=.*/EnableLogging=1/" /etc/usb_modeswitch.conf
rm /etc/udev/rules.d/40-usb_modeswitch.rules
udevadm control --reload
finished() { grep -qs 'All done, exit' /var/log/usb_modeswitch_*; }
switched() {
    plug "$1"
    wait_for 40 shows "$2"
    if [ -n "$3" ]; then wait_for 20 compgen -G "/sys/bus/usb/devices/*:*/$3"; fi
    wait_for 40 finished || { tail -n +1 /var/log/usb_modeswitch_*; ps ax; return 1; }
    cat /var/log/usb_modeswitch_*
    grep -q '^ok:busdev' /var/log/usb_modeswitch_*
    grep -q "Mode switching was successful, found $2" /var/log/usb_modeswitch_*
    rm /var/log/usb_modeswitch_*
    kill "${RACKS[-1]}"
    wait "${RACKS[-1]}" || true
    wait_for 20 empty
    udevadm settle
}
switched k3772 12d1:14cf ttyUSB0
switched novatel-5010 1410:4100 ""
switched huawei-e180 12d1:1414 ""
switched me906 12d1:15c1 "usbmisc/cdc-wdm*"
rm /usr/sbin/usb_modeswitch
mv /usr/sbin/usb_modeswitch.original /usr/sbin/usb_modeswitch
ln -s /dev/null /etc/udev/rules.d/40-usb_modeswitch.rules
udevadm control --reload
