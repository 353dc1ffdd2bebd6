//! The computer as `online` changes it, in network namespaces of its own: the kernel's netlink, a foreign DHCP and DNS server (dnsmasq), and
//! pppd on both ends of a pty.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stickshift::event::Cancel;
use stickshift::host::{Folders, SerialLink, SysComputer};
use stickshift::online::computer::{
    Card, Change, Computer, MAIN_TABLE, Network, Pppd, PppdState, Route, Rule, SettingName,
};
use stickshift::online::probe::{Answer, Probe};
use test_support::Running;

/// Runs this test binary again in network and mount namespaces of its own, where `inside` is the only test; `false` where that was done
/// and passed, and where it cannot be done, which is counted.
fn in_own_network(test: &str) -> bool {
    const INSIDE: &str = "STICKSHIFT_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        run("mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run");
        run("ip link set lo up");
        return true;
    }
    let status = Command::new("unshare")
        .args(["-n", "-m", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "inside: {status}");
    false
}

/// Whether a program or the right to make networks lacks here, which is counted.
fn lacks(programs: &[&str]) -> bool {
    let root = rustix::process::geteuid().is_root();
    let lacking = programs
        .iter()
        .find(|p| !Path::new("/usr/sbin").join(p).exists() && output(&format!("command -v {p}")).is_empty());
    match lacking {
        Some(program) => test_support::skip(&format!("{program} is not installed")),
        None if !root => test_support::skip("networks are for root to make"),
        None => return false,
    }
    true
}

fn run(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status().unwrap();
    assert!(status.success(), "{line}");
}

fn output(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All that may be changed. (What queues packets is set up by the kernel the first time an interface is up.)
fn everything() -> String {
    output(
        "ip -o addr; ip -o link | sed 's/qdisc [a-z_]*//; s/qlen.*//'; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule",
    )
}

fn start(line: &str) -> Running {
    let child = Command::new("sh").args(["-c", &format!("exec {line}")]).stdin(Stdio::null()).spawn();
    Running(child.unwrap())
}

fn computer(folder: &Path) -> SysComputer {
    let folders = Folders {
        etc: folder.join("etc"),
        run: folder.join("run"),
        records: folder.join("records"),
        ..Folders::default()
    };
    fs::create_dir_all(folder.join("etc")).unwrap();
    SysComputer::open(folders, &Cancel::new()).unwrap()
}

/// A pair of interfaces: ours, and the network's in a namespace of its own with an address and dnsmasq.
fn network(folder: &Path) -> (Card, Running) {
    run("ip netns add operator && ip link add wwan0 type veth peer name op netns operator");
    run(
        "ip -n operator addr add 10.99.0.1/24 dev op && ip -n operator link set op up && ip -n operator link set lo up",
    );
    let peer = start(&format!(
        "ip netns exec operator dnsmasq --keep-in-foreground --conf-file=/dev/null --interface=op --bind-interfaces \
         --dhcp-range=10.99.0.50,10.99.0.60,255.255.255.0,1h --dhcp-option=26,1430 --address=/check.example/10.99.0.1 \
         --no-resolv --no-hosts --pid-file= --dhcp-leasefile={}",
        folder.join("leases").display()
    ));
    let index = fs::read_to_string("/sys/class/net/wwan0/ifindex").unwrap().trim().parse().unwrap();
    (Card { name: "wwan0".into(), index }, peer)
}

fn make(computer: &mut SysComputer, undo: &mut Vec<Change>, change: Change) {
    if let Some(back) = computer.taken_back_by(&change).unwrap() {
        undo.push(back);
        computer.apply(&change).unwrap_or_else(|e| panic!("{change}: {e:?}"));
        assert_eq!(computer.taken_back_by(&change).unwrap(), None, "{change}: it is made");
    }
    // Twice is once.
    computer.apply(&change).unwrap();
}

#[test]
fn changes_are_made_and_taken_back() {
    if lacks(&["ip", "dnsmasq", "unshare"]) {
        return;
    }
    if !in_own_network("changes_are_made_and_taken_back") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (card, _peer) = network(folder.path());
    let mut computer = computer(folder.path());
    let before = everything();
    let mut undo = Vec::new();
    let c = || card.clone();
    make(&mut computer, &mut undo, Change::Mac { card: c(), mac: [2, 0x53, 1, 2, 3, 4] });
    let setting = |name, value: &str| Change::Setting { card: c(), name, value: value.into() };
    make(&mut computer, &mut undo, setting(SettingName::DisableIpv6, "1"));
    make(&mut computer, &mut undo, setting(SettingName::ReversePath, "2"));
    make(&mut computer, &mut undo, Change::Arp { card: c(), on: false });
    make(&mut computer, &mut undo, Change::Arp { card: c(), on: true });
    make(&mut computer, &mut undo, Change::Link { card: c(), up: true });
    make(&mut computer, &mut undo, setting(SettingName::DisableIpv6, "0"));
    let lease = computer.lease(&card, None, Duration::from_secs(20)).unwrap().expect("a lease");
    assert_eq!((lease.address.prefix, lease.mtu), (24, Some(1430)));
    assert_eq!(lease.router, Some([10, 99, 0, 1].into()));
    let again = computer.lease(&card, Some(&lease), Duration::from_secs(20)).unwrap().expect("renewed");
    assert_eq!(again.address, lease.address);

    make(&mut computer, &mut undo, Change::Mtu { card: c(), mtu: 1430 });
    make(&mut computer, &mut undo, Change::Address { card: c(), address: lease.address, add: true });
    let six = Network { address: "2001:db8::9".parse().unwrap(), prefix: 64 };
    make(&mut computer, &mut undo, Change::Address { card: c(), address: six, add: true });
    let route = |to, via, metric, table, v6| Change::Route {
        route: Route { to, v6, via, card: card.clone(), source: None, metric, table },
        add: true,
    };
    let router = Some([10, 99, 0, 1].into());
    make(&mut computer, &mut undo, route(Some(lease.address.base()), None, 0, 20_001, false));
    make(&mut computer, &mut undo, route(None, router, 0, 20_001, false));
    make(&mut computer, &mut undo, route(None, router, 700, MAIN_TABLE, false));
    make(&mut computer, &mut undo, route(None, None, 0, 20_001, true));
    make(&mut computer, &mut undo, route(None, None, 700, MAIN_TABLE, true));
    for (from, bound_to, v6) in [
        (Some(lease.address.address), None, false),
        (None, Some("wwan0".to_owned()), false),
        (Some(six.address), None, true),
        (None, Some("wwan0".to_owned()), true),
    ] {
        let rule = Rule { from, bound_to, v6, priority: 20_000, table: 20_001 };
        make(&mut computer, &mut undo, Change::Rule { rule, add: true });
    }
    fs::write(folder.path().join("etc/resolv.conf"), "nameserver 192.0.2.1\n").unwrap();
    make(&mut computer, &mut undo, Change::Resolver { card: c(), servers: vec![[10, 99, 0, 1].into()] });
    let defaults = computer.default_routes().unwrap();
    assert!(defaults.iter().any(|r| r.card == card && r.metric == 700 && !r.v6), "{defaults:?}");

    let limit = Duration::from_secs(5);
    let to = [10, 99, 0, 1].into();
    let mut ask = |probe| computer.probe(&card, &probe).unwrap();
    assert!(matches!(ask(Probe::Echo { to, bytes: 64, limit }), Answer::Echo(_)));
    assert!(matches!(ask(Probe::Echo { to, bytes: 1430, limit }), Answer::Echo(_)));
    assert_eq!(ask(Probe::Echo { to, bytes: 1500, limit }), Answer::TooLarge);
    let name = |name: &str| Probe::Name { server: to, name: name.into(), v6: false, limit };
    assert_eq!(ask(name("check.example")), Answer::Addresses(vec![to]));
    assert!(matches!(ask(name("elsewhere.example")), Answer::Refused(_) | Answer::Addresses(_)));
    let page = Probe::Page { to, host: "check.example".into(), limit };
    assert_eq!(ask(page), Answer::Unreachable, "nobody listens");

    for back in undo.iter().rev() {
        computer.apply(back).unwrap_or_else(|e| panic!("{back}: {e:?}"));
    }
    for back in undo.iter().rev() {
        computer.apply(back).unwrap_or_else(|e| panic!("twice: {back}: {e:?}"));
    }
    assert_eq!(everything(), before);
    let resolv = fs::read_to_string(folder.path().join("etc/resolv.conf")).unwrap();
    assert_eq!(resolv, "nameserver 192.0.2.1\n");
}

#[test]
fn a_portal_and_a_free_way_are_told_apart() {
    if lacks(&["ip", "dnsmasq", "unshare", "python3"]) {
        return;
    }
    if !in_own_network("a_portal_and_a_free_way_are_told_apart") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (card, _peer) = network(folder.path());
    let mut computer = computer(folder.path());
    run("ip link set wwan0 up && ip addr add 10.99.0.9/24 dev wwan0");
    for (status, location) in [(204, None), (302, Some("http://portal.example/"))] {
        let header = location.map(|l| format!("s.send_header('Location', '{l}'); ")).unwrap_or_default();
        let server = folder.path().join(format!("{status}.py"));
        let script = format!(
            "from http.server import *\nclass H(BaseHTTPRequestHandler):\n def do_GET(s):\n  s.send_response({status}); {header}s.end_headers()\nHTTPServer(('10.99.0.1', 80), H).serve_forever()\n"
        );
        fs::write(&server, script).unwrap();
        let _server = start(&format!("ip netns exec operator python3 {}", server.display()));
        let page = Probe::Page {
            to: [10, 99, 0, 1].into(),
            host: "check.example".into(),
            limit: Duration::from_secs(5),
        };
        let end = Instant::now() + Duration::from_secs(20);
        let answer = loop {
            match computer.probe(&card, &page).unwrap() {
                Answer::Unreachable if Instant::now() < end => std::thread::sleep(Duration::from_millis(50)),
                answer => break answer,
            }
        };
        assert_eq!(answer, Answer::Page { status, to: location.map(str::to_owned) });
    }
}

#[test]
fn pppd_takes_a_port_that_is_dialled_and_ends_when_told() {
    if lacks(&["ip", "pppd", "unshare", "socat"]) {
        return;
    }
    if !Path::new("/dev/ppp").exists() {
        test_support::skip("the kernel has no PPP");
        return;
    }
    if !in_own_network("pppd_takes_a_port_that_is_dialled_and_ends_when_told") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let _pair =
        start(&format!("socat pty,raw,echo=0,link={} pty,raw,echo=0,link={}", a.display(), b.display()));
    let end = Instant::now() + Duration::from_secs(10);
    while !(a.exists() && b.exists()) {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(20));
    }
    run("ip netns add operator");
    let _operator = start(&format!(
        "ip netns exec operator pppd {} 115200 nodetach noauth local nocrtscts 10.64.64.64:10.67.15.2 ms-dns 10.177.0.34 noccp novj ip-up-script /bin/true",
        b.display()
    ));
    let mut computer = computer(folder.path());
    let port = Box::new(SerialLink::open(&a).unwrap());
    let options = [
        "115200",
        "nodetach",
        "noauth",
        "local",
        "nocrtscts",
        "noipdefault",
        "ipcp-accept-local",
        "ipcp-accept-remote",
        "nodefaultroute",
        "usepeerdns",
        "noccp",
        "novj",
        "+ipv6",
    ];
    let pppd = Pppd {
        name: "1-1".into(),
        options: options.map(str::to_owned).to_vec(),
        secret: Some(("me".into(), "a\"secret".into())),
    };
    let runs = computer.start_pppd(&*port, &pppd).unwrap();
    assert!(matches!(computer.pppd_state(&runs).unwrap(), PppdState::Negotiates), "it waits for its port");
    computer.leave_to_pppd(port, &runs).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    let (card, addresses, peer, dns) = loop {
        match computer.pppd_state(&runs).unwrap() {
            PppdState::Up { card, addresses, peer, dns } => break (card, addresses, peer, dns),
            PppdState::Ended(code) => panic!("pppd ended with {code}"),
            PppdState::Negotiates => assert!(Instant::now() < end, "it does not come up"),
        }
    };
    assert_eq!(
        addresses.iter().map(|n| n.address).collect::<Vec<_>>(),
        [std::net::IpAddr::from([10, 67, 15, 2])]
    );
    assert_eq!((peer, dns), (Some([10, 64, 64, 64].into()), vec![[10, 177, 0, 34].into()]));
    let secrets = output(&format!("ls {}/run/stickshift", folder.path().display()));
    assert!(!secrets.contains(".secret"), "{secrets}");
    computer.apply(&Change::EndProgram { pid: runs.pid, started: runs.started + 1 }).unwrap();
    assert!(computer.card(&card).unwrap().is_some(), "another process of that number is left alone");
    computer.apply(&Change::EndProgram { pid: runs.pid, started: runs.started }).unwrap();
    let gone = Instant::now() + Duration::from_secs(5);
    while computer.card(&card).unwrap().is_some() {
        assert!(Instant::now() < gone, "the interface stays");
        std::thread::sleep(Duration::from_millis(20));
    }
}
