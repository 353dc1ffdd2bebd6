'use strict';
'require rpc';
'require form';
'require network';

const callSticks = rpc.declare({ object: 'stickshift', method: 'sticks' });

/* Kinds of errors of `stickshift online up`, as the protocol handler reports them. */
[
	[ 'no-stick', _('No stick is plugged in there') ],
	[ 'several-sticks', _('Several sticks are plugged in: choose a USB port') ],
	[ 'no-such-port', _('The stick has no port that answers') ],
	[ 'port-busy', _('Another program holds the port') ],
	[ 'no-sim', _('There is no SIM') ],
	[ 'sim-pin-needed', _('The SIM wants its PIN') ],
	[ 'sim-puk-needed', _('The SIM wants its PUK') ],
	[ 'wrong-pin', _('The PIN is wrong') ],
	[ 'not-registered', _('No network, or it denies the registration') ],
	[ 'network-refused', _('The network refuses the connection') ],
	[ 'no-address', _('Nobody gives an address') ],
	[ 'usage', _('An option is wrong') ],
	[ 'unsupported', _('The stick or the router cannot do what an option asks for') ]
].forEach(([ kind, words ]) => network.registerErrorCode(kind, words));

network.registerPatternVirtual(/^stickshift-.+$/);

return network.registerProtocol('stickshift', {
	getI18n: function() {
		return _('USB modem (stickshift)');
	},

	getIfname: function() {
		return this._ubus('l3_device') || 'stickshift-%s'.format(this.sid);
	},

	getPackageName: function() {
		return 'stickshift';
	},

	/* The name of the same in releases before 25.12. */
	getOpkgPackage: function() {
		return 'stickshift';
	},

	isFloating: function() {
		return true;
	},

	isVirtual: function() {
		return true;
	},

	getDevices: function() {
		return null;
	},

	containsDevice: function(ifname) {
		return network.getIfnameOf(ifname) == this.getIfname();
	},

	renderFormOptions: function(s) {
		let o;

		o = s.taboption('general', form.Value, 'place', _('USB port'), _('Where there is one stick only, it needs not be named.'));
		o.placeholder = '1-1.2';
		o.validate = (section, value) => !value || /^[0-9]+-[0-9]+(\.[0-9]+)*$/.test(value) || _('A USB port is written as 1-1.2.');
		o.load = function(section) {
			return callSticks().catch(() => null).then((reply) => {
				const sticks = (reply && reply.result && reply.result.sticks) || [];
				sticks.forEach((stick) => this.value(stick.place, '%s (%s)'.format(stick.place, stick.name || stick.id)));
				return form.Value.prototype.load.apply(this, [ section ]);
			});
		};

		o = s.taboption('general', form.Value, 'apn', _('APN'), _('Where it is empty, that of the SIM\'s operator.'));
		o.validate = (section, value) => !value || /^[a-zA-Z0-9._-]{1,100}$/.test(value) || _('An access point name is letters, digits, dots and hyphens.');

		o = s.taboption('general', form.Value, 'pincode', _('PIN'), _('Sent once where the SIM wants it, never with the last try.'));
		o.datatype = 'and(uinteger,minlength(4),maxlength(8))';
		o.password = true;

		o = s.taboption('general', form.ListValue, 'auth', _('Authentication'));
		o.value('', _('what the network takes'));
		o.value('none', _('none'));
		o.value('pap', 'PAP');
		o.value('chap', 'CHAP');
		o.value('mschapv2', 'MS-CHAPv2');
		o.optional = true;
		o = s.taboption('general', form.Value, 'username', _('User name'));
		o.depends({ auth: 'none', '!reverse': true });
		o = s.taboption('general', form.Value, 'password', _('Password'));
		o.depends({ auth: 'none', '!reverse': true });
		o.password = true;

		o = s.taboption('advanced', form.ListValue, 'ip', _('Addresses'));
		o.value('', _('what the network allows'));
		o.value('v4', 'IPv4');
		o.value('v6', 'IPv6');
		o.value('v4v6', 'IPv4, IPv6');
		o.optional = true;

		o = s.taboption('advanced', form.ListValue, 'way', _('Way'));
		o.value('', _('by the stick\'s interfaces'));
		[ 'ncm', 'ppp', 'hilink', 'mbim', 'ecm' ].forEach((way) => o.value(way, way.toUpperCase()));
		o.optional = true;

		o = s.taboption('advanced', form.Flag, 'roaming', _('Roaming'), _('Data in other operators\' networks costs more.'));
		o = s.taboption('advanced', form.Flag, 'check', _('Dial again'), _('When nothing answers for three minutes.'));
		o.default = o.enabled;
		o.rmempty = false;

		o = s.taboption('advanced', form.Flag, 'defaultroute', _('Use default gateway'));
		o.default = o.enabled;
		o = s.taboption('advanced', form.Value, 'metric', _('Metric'));
		o.placeholder = '0';
		o.datatype = 'uinteger';
		o.depends('defaultroute', '1');
		o = s.taboption('advanced', form.Flag, 'peerdns', _('Use name servers of the network'));
		o.default = o.enabled;
	}
});
