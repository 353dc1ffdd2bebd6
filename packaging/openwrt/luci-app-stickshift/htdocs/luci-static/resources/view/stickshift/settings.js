'use strict';
'require view';
'require form';

return view.extend({
	render: function() {
		const map = new form.Map('stickshift', _('USB modems'),
			_('What is done with a stick when it is plugged in. How it goes online is a setting of its network interface.'));
		let s, o;

		s = map.section(form.NamedSection, 'main', 'stickshift');
		o = s.option(form.Flag, 'watch', _('Switch sticks'), _('From CD-ROM to modem, as they are plugged in.'));
		o.default = o.enabled;
		o.rmempty = false;
		o = s.option(form.Value, 'patience', _('Patience'), _('Seconds that another switcher gets first.'));
		o.datatype = 'uinteger';
		o.placeholder = '0';
		o.depends('watch', '1');

		s = map.section(form.GridSection, 'stick', _('What a stick becomes'),
			_('By its ids, its serial number or its USB port; of several, all must hold. The first line that fits decides.'));
		s.addremove = true;
		s.anonymous = true;
		s.sortable = true;
		o = s.option(form.Value, 'id', _('Ids'));
		o.placeholder = '12d1:1f01';
		o.validate = (section, value) => !value || /^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}$/.test(value) || _('Ids are four hexadecimal digits, a colon and four more.');
		o = s.option(form.Value, 'serial', _('Serial number'));
		o.validate = (section, value) => !(value || '').includes(',') || _('A serial number with a comma cannot be named here.');
		o = s.option(form.Value, 'place', _('USB port'));
		o.placeholder = '1-1.2';
		o.validate = (section, value) => !value || /^[0-9]+-[0-9]+(\.[0-9]+)*$/.test(value) || _('A USB port is written as 1-1.2.');
		o = s.option(form.ListValue, 'to', _('Becomes'));
		o.value('modem', _('a modem'));
		o.value('hilink', _('a network card with its own router'));
		o.value('serial', _('serial ports'));
		o.value('leave', _('nothing: it is left alone'));

		return map.render();
	}
});
