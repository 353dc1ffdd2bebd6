// LuCI's pages with what the program really says: luci.js PROGRAM. LuCI itself is in no package registry; its modules are stand-ins here.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');

const program = process.argv[2];
const root = path.resolve(__dirname, '../..');
const resources = path.join(root, 'packaging/openwrt/luci-app-stickshift/htdocs/luci-static/resources');

// As LuCI's strings have it, as far as it is used.
String.prototype.format = function(...values) {
	return this.replace(/%[sd]/g, (kind) => kind == '%d' ? Math.trunc(values.shift()) : values.shift());
};

class Element {
	constructor(tag, attributes, children) { Object.assign(this, { tag, attributes, children: children.flat() }); }
	appendChild(child) { this.children.push(child); return child; }
	get text() { return this.children.map((child) => child instanceof Element ? child.text : String(child)).join('|'); }
	all(tag) { return this.children.flatMap((c) => c instanceof Element ? [ ...(c.tag == tag ? [ c ] : []), ...c.all(tag) ] : []); }
}

function said(stick, args) {
	const ended = spawnSync(program, [ '--json', ...(stick ? [ '--virtual', stick ] : []), ...args ], { encoding: 'utf8', env: { STICKSHIFT_ROOT: '/nonexistent' } });
	return JSON.parse(ended.stdout.trim().split('\n').pop());
}

// Evaluates a module as LuCI's loader does, with these modules in place of those that it requires.
function load(file, modules) {
	const source = fs.readFileSync(path.join(resources, file), 'utf8');
	const names = [ ...source.matchAll(/^'require (\S+)';$/gm) ].map((m) => m[1]);
	for (const name of names)
		assert(name in modules, `${file} requires ${name}`);
	const E = (tag, attributes, children) => new Element(tag, attributes || {}, [].concat(children ?? []));
	return new Function('_', 'E', ...names, source)((text) => text, E, ...names.map((name) => modules[name]));
}

function forms() {
	const options = {};
	const section = {
		option(kind, name, ...rest) { return this.taboption('', kind, name, ...rest); },
		taboption(tab, kind, name) {
			assert(!(name in options), `${name} stands twice`);
			return options[name] = { values: [], value(v) { this.values.push(v); }, depends() {} };
		}
	};
	const value = function() {};
	value.prototype.load = () => 'loaded';
	const form = { Map: class { section() { return section; } render() { return 'form'; } }, Value: value, NamedSection: 1, GridSection: 2, Flag: 3, ListValue: 4 };
	return { form, section, options };
}

async function status() {
	const page = async (stick) => {
		const declare = ({ object, method, params }) => async (...values) => {
			assert.equal(object, 'stickshift');
			assert.equal(values.length, (params || []).length);
			return said(stick, { sticks: [ 'list' ], signal: [ 'signal' ], online: [ 'online', 'status' ] }[method]);
		};
		const polled = [];
		const shown = [];
		const it = load('view/stickshift/status.js', {
			view: { extend: (members) => members }, rpc: { declare },
			poll: { add: (call) => polled.push(call) }, dom: { content: (place, node) => shown.push(node) }
		});
		const first = it.render(await it.load());
		await polled[0]();
		assert.equal(shown[0].text, first.all('table')[0].text);
		return first.all('table')[0];
	};
	const modem = (await page('e3372h-stick')).all('td').map((cell) => cell.text);
	assert.deepEqual(modem.slice(0, 4), [ '1-1', 'HUAWEI_MOBILE HUAWEI Mobile', 'modem (serial ports)', 'Orange' ]);
	assert.match(modem[4], /^LTE, RSRP -\d+ dBm, SINR -?\d+ dB$/);
	assert.equal(modem[5], 'offline');
	const drive = (await page('k3772')).all('td').map((cell) => cell.text);
	assert.deepEqual(drive.slice(2, 6), [ 'CD-ROM (not switched yet)', '-', '-', '-' ]);
	assert.match((await page(null)).text, /No stick is plugged in/);
}

function settings() {
	const { form, options } = forms();
	const it = load('view/stickshift/settings.js', { view: { extend: (members) => members }, form });
	assert.equal(it.render(), 'form');
	assert.deepEqual(Object.keys(options), [ 'watch', 'patience', 'id', 'serial', 'place', 'to' ]);
	assert.deepEqual(options.to.values, [ 'modem', 'hilink', 'serial', 'leave' ]);
	assert.equal(options.id.validate('', '12d1:1f01'), true);
	assert.notEqual(options.id.validate('', '12d1'), true);
	assert.equal(options.place.validate('', '1-1.4'), true);
	assert.notEqual(options.place.validate('', 'usb1'), true);
	assert.notEqual(options.serial.validate('', 'a,b'), true);
}

async function protocol() {
	const { form, section, options } = forms();
	const kinds = [];
	const network = {
		registerErrorCode: (kind) => kinds.push(kind), registerPatternVirtual: () => {},
		registerProtocol: (name, members) => Object.assign(members, { name })
	};
	const rpc = { declare: () => async () => said('k3772', [ 'list' ]) };
	const it = load('protocol/stickshift.js', { rpc, form, network });
	assert.equal(it.name, 'stickshift');
	it.renderFormOptions(section);
	await options.place.load('lte');
	assert.deepEqual(options.place.values, [ '1-1' ]);
	// The page offers what the handler takes, and nothing else.
	const handler = fs.readFileSync(path.join(root, 'crates/stickshift-cli/openwrt/lib/netifd/proto/stickshift.sh'), 'utf8');
	const taken = [ ...handler.matchAll(/proto_config_add_(?:string|boolean) (\w+)/g) ].map((m) => m[1]);
	assert.deepEqual(Object.keys(options).sort(), [ ...taken, 'defaultroute', 'peerdns', 'metric' ].sort());
	// Each kind that it has words for is one of the program's.
	const known = fs.readFileSync(path.join(root, 'crates/stickshift/src/error.rs'), 'utf8');
	for (const kind of kinds)
		assert(known.includes(`"${kind}"`), kind);
	for (const option of [ 'auth', 'ip', 'way' ]) {
		const help = spawnSync(program, [ 'online', 'up', '--help' ], { encoding: 'utf8' }).stdout;
		const values = help.match(new RegExp(`--${option} <[^]*?possible values: ([^\\]]*)\\]`))[1].replace(/\s+/g, ' ').split(', ');
		assert.deepEqual(options[option].values.filter(Boolean), values.filter((value) => value != 'auto'), option);
	}
}

(async () => {
	await status();
	settings();
	await protocol();
	console.log("    LuCI's pages show what the program says, and offer what it takes");
})();
