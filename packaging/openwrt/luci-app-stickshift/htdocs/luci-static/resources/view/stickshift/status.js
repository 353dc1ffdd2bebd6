'use strict';
'require view';
'require rpc';
'require poll';
'require dom';

const callSticks = rpc.declare({ object: 'stickshift', method: 'sticks' });
const callSignal = rpc.declare({ object: 'stickshift', method: 'signal', params: [ 'place' ] });
const callOnline = rpc.declare({ object: 'stickshift', method: 'online', params: [ 'place' ] });

/* Modes of a stick whose modem can be asked. */
const ANSWERS = [ 'modem', 'hilink', 'hilink-serial' ];

function figures(signal) {
	const said = [];
	if (signal.technology)
		said.push(signal.technology);
	if (signal.rsrp != null)
		said.push('RSRP %d dBm'.format(signal.rsrp));
	else if (signal.rssi != null)
		said.push('RSSI %d dBm'.format(signal.rssi));
	if (signal.sinr != null)
		said.push('SINR %d dB'.format(signal.sinr));
	return said.join(', ');
}

function connection(online) {
	if (!online.online)
		return _('offline');
	return [ online.interface ].concat(online.addresses || []).filter(Boolean).join(', ');
}

return view.extend({
	/* One stick after the other: each answers over its one port. */
	ask: async function(sticks) {
		for (const stick of sticks) {
			if (ANSWERS.indexOf(stick.mode) < 0)
				continue;
			stick.signal = await callSignal(stick.place).catch(() => null);
			stick.online = await callOnline(stick.place).catch(() => null);
		}
		return sticks;
	},

	load: function() {
		return callSticks().then((reply) => {
			if (!reply || reply.exit !== 0)
				throw new Error((reply && reply.what) || _('stickshift did not answer'));
			return this.ask(reply.result.sticks);
		});
	},

	cells: function(stick) {
		const result = (reply) => (reply && reply.result) || {};
		const signal = result(stick.signal);
		const failure = stick.signal && stick.signal.event == 'error' ? stick.signal.what : null;
		return [
			stick.place,
			stick.name || stick.known_as || stick.id,
			stick.mode_text || stick.mode,
			signal.operator || '-',
			failure || figures(signal) || '-',
			stick.online ? connection(result(stick.online)) : '-',
			stick.next || ''
		];
	},

	draw: function(sticks) {
		const heads = [ _('USB port'), _('Name'), _('Mode'), _('Operator'), _('Signal'), _('Connection'), _('Next') ];
		const table = E('table', { 'class': 'table', 'id': 'sticks' }, [
			E('tr', { 'class': 'tr table-titles' }, heads.map((head) => E('th', { 'class': 'th' }, [ head ])))
		]);
		for (const stick of sticks)
			table.appendChild(E('tr', { 'class': 'tr' },
				this.cells(stick).map((cell, i) => E('td', { 'class': 'td', 'data-title': heads[i] }, [ cell ]))));
		if (!sticks.length)
			table.appendChild(E('tr', { 'class': 'tr placeholder' },
				[ E('td', { 'class': 'td' }, [ E('em', {}, [ _('No stick is plugged in.') ]) ]) ]));
		return table;
	},

	render: function(sticks) {
		const place = E('div', {}, [ this.draw(sticks) ]);
		poll.add(() => this.load().then((now) => dom.content(place, this.draw(now))), 30);
		return E('div', { 'class': 'cbi-map' }, [
			E('h2', {}, [ _('USB modems') ]),
			E('div', { 'class': 'cbi-map-descr' }, [
				_('To go online, add an interface with the protocol "USB modem (stickshift)" under Network, Interfaces.')
			]),
			place
		]);
	},

	handleSaveApply: null,
	handleSave: null,
	handleReset: null
});
