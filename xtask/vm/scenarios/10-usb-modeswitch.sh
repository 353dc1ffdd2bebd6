# The real usb_modeswitch switches a virtual K3772, and the real driver makes its ports.
plug k3772
wait_for 10 shows 12d1:1526
wait_for 20 exists /dev/sr0
cat /sys/block/sr0/device/{vendor,model,rev}
usb_modeswitch -W -v 12d1 -p 1526 -V 12d1 -P 14cf -s 20 \
    -M 55534243123456780000000000000011062000000101000100000000000000
shows 12d1:14cf
wait_for 10 exists /dev/ttyUSB2
ls -l /dev/ttyUSB* /dev/serial/by-path
