//! The VM tier: a Linux guest whose USB sticks are virtual and whose drivers are real (docs/protocols/virtual-usb.md).
//!
//! The guest sees this machine's files read-only under a layer of its own, so that it runs what was just built, and it has no network.
//! Its kernel and udev are Debian packages that are unpacked, never installed. What it runs are the files in `xtask/vm/scenarios`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::cpio::Archive;
use crate::install::{self, Need};
use crate::run::{Console, command, entries, output, phase, program, root, run, status, target};

/// A guest that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(2 * 3600);

/// What the guest needs before it sees the shared files.
const FIRST_MODULES: &[&str] = &["virtio_pci", "9p", "9pnet_virtio", "overlay"];

/// Packages that the guest has and this machine need not have.
const PACKAGES: &[&str] = &[
    "udev",
    "libsystemd-shared",
    "libkmod2",
    "kmod",
    "usb-modeswitch",
    "usb-modeswitch-data",
    "libusb-1.0-0",
    "usbip",
    "libwrap0",
    "systemd",
    "systemd-resolved",
    "libapparmor1",
    "libaudit1",
    "libcap-ng0",
    "libcap2",
    "libip4tc2",
    "libseccomp2",
    // ModemManager and NetworkManager, and what they need: polkit, even for root.
    "modemmanager",
    "network-manager",
    "dbus-bin",
    "dbus-daemon",
    "libbluetooth3",
    "libcurl3-gnutls",
    "libdbus-1-3",
    "libduktape207",
    "libgudev-1.0-0",
    "libjansson4",
    "libmbim-glib4",
    "libmbim-proxy",
    "libmm-glib0",
    "libndp0",
    "libnewt0.52",
    "libnm0",
    "libpolkit-agent-1-0",
    "libpolkit-gobject-1-0",
    "libpsl5",
    "libqmi-glib5",
    "libqmi-proxy",
    "libqrtr-glib0",
    "libslang2",
    "libteamdctl0",
    "polkitd",
    // The dialler that benches compare with.
    "libuniconf4.6",
    "libwvstreams4.6-base",
    "libwvstreams4.6-extras",
    "wvdial",
];

/// What the guest's first process says first.
const UP: &str = "@ up";

/// What a guest says last in which a scenario failed: the others are for one that is booted anew.
const FRESH: &str = "fresh";

/// Kernel parameters. Programs that always start at the same addresses are translated once by an emulator, not at each start,
/// and what guards against a real processor's flaws costs an emulated one a tenth of its time.
const APPEND: &str = "console=ttyS0 quiet panic=-1 norandmaps mitigations=off";

fn folder() -> Result<PathBuf, String> {
    target("vm")
}

/// Installs what the tier needs and unpacks the guest's kernel.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/bin/qemu-system-x86_64", package: "qemu-system-x86" },
        Need { file: "/usr/bin/busybox", package: "busybox-static" },
        Need { file: "/usr/sbin/depmod", package: "kmod" },
        // The guest sees this machine's programs.
        Need { file: "/usr/sbin/pppd", package: "ppp" },
        Need { file: "/usr/sbin/dnsmasq", package: "dnsmasq-base" },
        Need { file: "/usr/bin/mbimcli", package: "libmbim-utils" },
        Need { file: "/usr/bin/curl", package: "curl" },
    ])?;
    guest().map(|_| ())
}

/// Runs every scenario whose name contains `filter`, or one of several between commas. A scenario waits for a third of its time, so there is one guest more than
/// processors, and three at most.
pub(crate) fn scenarios(filter: &str) -> Result<(), String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    run_scenarios("scenarios", filter, &program()?, processors.min(2) + 1)
}

/// Remakes the captures of switches that tests read.
pub(crate) fn captures() -> Result<(), String> {
    install::debian(&[Need { file: "/usr/bin/dumpcap", package: "wireshark-common" }])?;
    run_scenarios("captures", "", &program()?, 1)?;
    let (made, kept) =
        (results_of("captures", "")?.join("captures"), root().join("tests/fixtures/captures/vm"));
    let _ = fs::remove_dir_all(&kept);
    make(&kept)?;
    for file in entries(&made)? {
        let name = file.file_name().unwrap_or_default();
        fs::copy(&file, kept.join(name)).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    println!("    the captures are in {}", kept.display());
    Ok(())
}

/// Measures ours against other programs in the guest, by the file `what` of `xtask/vm/bench`, and prints figures and ratios.
pub(crate) fn bench(what: &str, program: &Path) -> Result<(), String> {
    run_scenarios("bench", what, program, 1)?;
    let figures = read(&results_of("bench", what)?.join("figures.tsv"))?;
    for line in compared(&figures) {
        println!("    {line}");
    }
    Ok(())
}

/// One line for each thing that was measured and each other program: the medians of both sides and their ratio. A line of `figures` is what, whose, number.
fn compared(figures: &str) -> Vec<String> {
    let rows: Vec<(&str, &str, f64)> = figures
        .lines()
        .filter_map(|line| {
            let mut words = line.split('\t');
            Some((words.next()?, words.next()?, words.next()?.parse().ok()?))
        })
        .collect();
    let median = |what: &str, whose: &str| {
        let mut all: Vec<f64> =
            rows.iter().filter(|row| (row.0, row.1) == (what, whose)).map(|row| row.2).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (what, whose, _) in &rows {
        if !seen.contains(&(what, whose)) {
            seen.push((what, whose));
        }
    }
    let mut names: Vec<&str> = seen.iter().map(|(what, _)| *what).collect();
    names.dedup();
    names.sort_by_key(|name| seen.iter().position(|(what, _)| what == name));
    names.dedup();
    let mut lines = Vec::new();
    for what in names {
        let called_so = median(what, "drop-in");
        let others = seen.iter().filter(|(its, whose)| *its == what && !matches!(*whose, "ours" | "drop-in"));
        let mut alone = true;
        for (_, whose) in others {
            let (Some(ours), Some(theirs)) = (median(what, "ours"), median(what, whose)) else { continue };
            alone = false;
            let ratio =
                |ours: f64| format!("{what}: ours {ours}, {whose} {theirs}, ratio {:.2}", ours / theirs);
            lines.push(ratio(ours));
            lines.extend(called_so.map(|ours| format!("{} (called as usb_modeswitch)", ratio(ours))));
        }
        if alone {
            let own = seen.iter().filter(|(its, _)| *its == what);
            lines.extend(
                own.filter_map(|(_, whose)| Some(format!("{what}: {whose} {}", median(what, whose)?))),
            );
        }
    }
    lines
}

/// Runs what is in a folder of `xtask/vm` with the program that was built. Each of `guests` takes the next scenario that no other has taken.
fn run_scenarios(source: &str, filter: &str, program: &Path, guests: usize) -> Result<(), String> {
    let guest = guest()?;
    let names = results(source, filter, program)?;
    if names.is_empty() {
        return Err(format!("no scenario has '{filter}' in its name"));
    }
    initramfs(&guest)?;
    let count = guests.min(names.len());
    phase(&format!("booting {count} guests for {} scenarios", names.len()));
    let here = results_of(source, filter)?;
    let (guest, here) = (&guest, &here);
    let told = std::thread::scope(|scope| {
        let boots = (1..=count).map(|number| scope.spawn(move || boot(guest, here, number)));
        // All are started before the first one is waited for.
        let running: Vec<_> = boots.collect();
        running
            .into_iter()
            .map(|one| one.join().map_err(|_| "a guest's thread panicked")?)
            .collect::<Result<Vec<_>, String>>()
    })?;
    check_results(here, &names, &told)
}

/// The unpacked packages of the guest: a kernel with its modules, and udev.
struct Guest {
    files: PathBuf,
    /// `6.1.0-56-amd64`.
    release: String,
}

/// The folder of the guest's kernel modules.
pub(crate) fn kernel_modules() -> Result<PathBuf, String> {
    let guest = guest()?;
    Ok(guest.files.join("usr/lib/modules").join(&guest.release))
}

fn guest() -> Result<Guest, String> {
    let shown = match output("apt-cache", &["show", "linux-image-amd64"]) {
        Ok(shown) if !shown.is_empty() => shown,
        _ => {
            run("apt-get", &["update", "-qq"])?;
            output("apt-cache", &["show", "linux-image-amd64"])?
        }
    };
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: linux-image-"));
    let release = depends.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
    let release = release.ok_or("linux-image-amd64 does not name its kernel")?;
    let files = folder()?.join(&release);
    let guest = Guest { files, release };
    if fs::read_to_string(guest.files.join("complete")).ok() != Some(PACKAGES.join(" ")) {
        unpack(&guest)?;
    }
    Ok(guest)
}

fn unpack(guest: &Guest) -> Result<(), String> {
    let packages = folder()?.join("packages");
    phase(&format!("unpacking the guest's kernel {} and udev beside {}", guest.release, packages.display()));
    let _ = fs::remove_dir_all(&packages);
    let _ = fs::remove_dir_all(&guest.files);
    make(&packages)?;
    make(&guest.files.join("usr"))?;
    // A folder /lib would hide the shared system's link of that name.
    for (link, to) in [("bin", "usr/bin"), ("lib", "usr/lib"), ("sbin", "usr/sbin")] {
        make(&guest.files.join(to))?;
        std::os::unix::fs::symlink(to, guest.files.join(link)).map_err(|e| format!("{link}: {e}"))?;
    }
    let image = format!("linux-image-{}", guest.release);
    // The version of the library that usb_modeswitch's scripts need is a part of its name.
    let jim = output("apt-cache", &["depends", "usb-modeswitch"])?;
    let jim = jim.split_whitespace().find(|word| word.starts_with("libjim")).unwrap_or("tclsh").to_owned();
    let mut download = command("apt-get", &["-qq", "download", &image, &jim]);
    download.args(PACKAGES);
    download.current_dir(&packages);
    status(download)?;
    for package in entries(&packages)? {
        let unpacked = packages.join("unpacked");
        run("dpkg", &["-x", &text(&package), &text(&unpacked)])?;
        for top in entries(&unpacked)? {
            let name = top.file_name().unwrap_or_default();
            let target = guest.files.join(name);
            make(&target)?;
            run("cp", &["-a", &text(&top.join(".")), &text(&target.join("."))])?;
        }
        fs::remove_dir_all(&unpacked).map_err(|e| format!("{}: {e}", unpacked.display()))?;
    }
    run("/usr/sbin/depmod", &["-b", &text(&guest.files.join("usr")), &guest.release])?;
    write(&guest.files.join("complete"), &PACKAGES.join(" "))
}

/// What the guest may write to. Each bench has its own, so that one of an hour is no hindrance.
fn results_of(source: &str, filter: &str) -> Result<PathBuf, String> {
    let name = if source == "bench" { filter } else { source };
    Ok(folder()?.join(format!("results.{name}")))
}

/// Where the pages are, and what of this environment the guest's shell has, too.
fn settings() -> String {
    let pages = format!("PAGES='{}'\n", root().join("docs").display());
    let all = ["ROUNDS", "STAY_MINUTES"].iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    let all = all.filter(|(_, value)| value.parse::<u32>().is_ok());
    pages + &all.map(|(name, value)| format!("{name}={value}\n")).collect::<String>()
}

/// Lays out the folder that the guest may write to; the names of its scenarios.
fn results(scenarios: &str, filter: &str, program: &Path) -> Result<Vec<String>, String> {
    let (here, source) = (results_of(scenarios, filter)?, root().join("xtask/vm"));
    let _ = fs::remove_dir_all(&here);
    for sub in ["scenarios", "taken", "logs", "bin"] {
        make(&here.join(sub))?;
    }
    let copy = |from: &Path, to: &Path| {
        fs::copy(from, to).map(|_| ()).map_err(|e| format!("{}: {e}", from.display()))
    };
    for file in ["guest", "tools"] {
        copy(&source.join(file), &here.join(file))?;
    }
    copy(program, &here.join("bin/stickshift"))?;
    write(&here.join("settings"), &settings())?;
    let mut names = Vec::new();
    for scenario in entries(&source.join(scenarios))? {
        let name = scenario.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if filter.split(',').any(|part| name.contains(part)) {
            copy(&scenario, &here.join("scenarios").join(scenario.file_name().unwrap_or_default()))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// The guest's first files: a shell, and the modules that let it see the rest.
fn initramfs(guest: &Guest) -> Result<(), String> {
    let modules = guest.files.join("usr/lib/modules").join(&guest.release);
    let order = module_order(&read(&modules.join("modules.dep"))?, FIRST_MODULES)?;
    let mut archive = Archive::default();
    for folder in ["bin", "proc", "sys", "dev", "modules"] {
        archive.folder(folder);
    }
    let load = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    archive.program("bin/busybox", &load(Path::new("/usr/bin/busybox"))?);
    archive.program("init", &load(&root().join("xtask/vm/init"))?);
    let mut list = String::new();
    for module in &order {
        let name = module.rsplit('/').next().unwrap_or(module);
        archive.program(&format!("modules/{name}"), &load(&modules.join(module))?);
        list.push_str(name);
        list.push('\n');
    }
    archive.program("modules/order", list.as_bytes());
    let path = folder()?.join("initramfs");
    fs::write(&path, archive.finish()).map_err(|e| format!("{}: {e}", path.display()))
}

/// Files of modules, each after those that it needs; `dependencies` is a modules.dep.
pub(crate) fn module_order(dependencies: &str, modules: &[&str]) -> Result<Vec<String>, String> {
    let lines: Vec<(&str, Vec<&str>)> = dependencies
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(path, needs)| (path, needs.split_whitespace().collect()))
        .collect();
    let mut order: Vec<String> = Vec::new();
    let mut wanted: Vec<&str> = Vec::new();
    for name in modules {
        let file = format!("/{name}.ko");
        let found = lines.iter().find(|(path, _)| path.ends_with(&file));
        let (path, needs) = found.ok_or_else(|| format!("the kernel has no module {name}"))?;
        // A line names all that a module needs, what is needed first at its end.
        wanted.extend(needs.iter().rev());
        wanted.push(path);
    }
    for path in wanted {
        if !order.iter().any(|o| o == path) {
            order.push(path.to_owned());
        }
    }
    Ok(order)
}

/// How the guest's processor is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Processor {
    /// The real one. On a machine that is a guest itself it may hang in the middle of booting.
    Kvm,
    /// Emulated; works everywhere. One without AVX: wide registers are emulated byte by byte.
    Tcg,
}

/// Under KVM a guest that has not started its first process by then never will.
const KVM_PATIENCE: Duration = Duration::from_secs(15);

/// Boots guest number `number`, anew as often as it asks for that, and returns its result lines without their mark.
fn boot(guest: &Guest, results: &Path, number: usize) -> Result<Vec<String>, String> {
    let mut told = Vec::new();
    loop {
        told.extend(boot_once(guest, results, number)?);
        if told.last().is_none_or(|line| line != FRESH) {
            return Ok(told);
        }
    }
}

fn boot_once(guest: &Guest, results: &Path, number: usize) -> Result<Vec<String>, String> {
    let hangs = folder()?.join("kvm-hangs");
    if Path::new("/dev/kvm").exists() && !hangs.exists() {
        if let Some(results) = boot_on(guest, results, number, Processor::Kvm)? {
            return Ok(results);
        }
        println!(
            "    KVM hangs on this machine; from now on the processor is emulated ({})",
            hangs.display()
        );
        write(&hangs, "")?;
    }
    boot_on(guest, results, number, Processor::Tcg)?.ok_or_else(|| "the guest did not start".to_owned())
}

/// `None` when a guest under KVM did not come up.
fn boot_on(
    guest: &Guest,
    results: &Path,
    number: usize,
    processor: Processor,
) -> Result<Option<Vec<String>>, String> {
    let share = |path: &Path, tag: &str, more: &str| {
        [
            "-virtfs".to_owned(),
            format!("local,path={},mount_tag={tag},security_model=none{more}", path.display()),
        ]
    };
    let mut qemu = Command::new("qemu-system-x86_64");
    match processor {
        Processor::Kvm => qemu.args(["-accel", "kvm", "-cpu", "host"]),
        Processor::Tcg => qemu.args(["-accel", "tcg", "-cpu", "Nehalem"]),
    };
    qemu.args(["-M", "q35", "-smp", "1", "-m", "1024"])
        .args(["-nic", "none", "-nographic", "-no-reboot", "-append", APPEND])
        .arg("-kernel")
        .arg(guest.files.join("boot").join(format!("vmlinuz-{}", guest.release)))
        .arg("-initrd")
        .arg(folder()?.join("initramfs"))
        .args(share(Path::new("/"), "host", ",readonly=on,multidevs=remap"))
        .args(share(&guest.files, "guest", ",readonly=on"))
        .args(share(results, "results", ""));
    let console = Console::start(&mut qemu)?;
    let log = results.join(format!("console.{number}.log"));
    let mut log = fs::File::options().create(true).append(true).open(log).map_err(|e| e.to_string())?;
    let (start, mut up) = (Instant::now(), processor == Processor::Tcg);
    let mut told_so_far = Vec::new();
    loop {
        let limit = if up { LIMIT } else { KVM_PATIENCE };
        match console.line(start + limit) {
            Ok(line) => {
                let _ = writeln!(log, "{line}");
                up |= line.ends_with(UP);
                if let Some(result) = line.strip_prefix("@@ ") {
                    println!("    {result}");
                    told_so_far.push(result.to_owned());
                }
            }
            Err(_) if !up => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => return Ok(Some(told_so_far)),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("the guest hung for {} s", LIMIT.as_secs()));
            }
        }
    }
}

/// Every scenario must have passed, and every guest must have come to its end.
fn check_results(results: &Path, names: &[String], told: &[Vec<String>]) -> Result<(), String> {
    let passed = |name: &&String| {
        told.iter().flatten().any(|line| line.split(' ').take(2).eq(["pass", name.as_str()]))
    };
    let failed: Vec<&String> = names.iter().filter(|name| !passed(name)).collect();
    let again = told.iter().flatten().filter_map(|line| line.strip_prefix("again ")?.split(' ').next());
    for name in again {
        show_end(&results.join(format!("logs/{name}.first.log")), &format!("{name} failed at first"));
    }
    for name in &failed {
        show_end(&results.join(format!("logs/{name}.log")), name);
    }
    let ended = |lines: &Vec<String>| lines.iter().any(|line| line == "done");
    if let Some(cut) = told.iter().position(|lines| !ended(lines)) {
        let console = results.join(format!("console.{}.log", cut + 1));
        return Err(format!("a guest did not come to its end; see {}", console.display()));
    }
    if failed.is_empty() {
        return Ok(());
    }
    let listed = failed.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    Err(format!("{} of {} scenarios failed: {listed}", failed.len(), names.len()))
}

fn show_end(log: &Path, name: &str) {
    println!("--- {name}: the end of {}", log.display());
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].iter().for_each(|line| println!("    {line}"));
}

fn make(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_need() {
        let dependencies = "kernel/a/virtio_pci.ko: kernel/a/virtio.ko kernel/a/virtio_ring.ko\n\
                            kernel/fs/9p.ko: kernel/net/9pnet.ko\n\
                            kernel/net/9pnet_virtio.ko: kernel/a/virtio.ko kernel/a/virtio_ring.ko kernel/net/9pnet.ko\n\
                            kernel/net/9pnet.ko:\n\
                            kernel/fs/overlay.ko:\n";
        let order = module_order(dependencies, FIRST_MODULES).unwrap();
        let names: Vec<&str> = order.iter().filter_map(|path| path.rsplit('/').next()).collect();
        let expected = [
            "virtio_ring.ko",
            "virtio.ko",
            "virtio_pci.ko",
            "9pnet.ko",
            "9p.ko",
            "9pnet_virtio.ko",
            "overlay.ko",
        ];
        assert_eq!(names, expected);
        assert!(module_order("kernel/fs/9p.ko:\n", FIRST_MODULES).is_err());
    }

    #[test]
    fn medians_are_compared() {
        let figures = "time, s\tours\t0.5\ntime, s\tours\t9\ntime, s\tours\t0.25\ntime, s\tusb_modeswitch\t2\nsize\tours\t3\nnoise";
        let lines = compared(figures);
        assert_eq!(lines, ["time, s: ours 0.5, usb_modeswitch 2, ratio 0.25", "size: ours 3"]);
    }

    #[test]
    fn silence_is_failure() {
        let names = ["10-a".to_owned(), "20-b".to_owned()];
        let lines = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let told = |all: &[&str]| check_results(Path::new("results"), &names, &[lines(all)]);
        assert!(told(&["pass 10-a 1.0", "pass 20-b 2.0", "done"]).is_ok());
        assert!(told(&["pass 10-a 1.0", "pass 20-b 2.0"]).is_err());
        assert!(told(&["pass 10-a 1.0", "done"]).is_err());
        assert!(told(&["pass 10-a 1.0", "fail 20-b 2.0", "done"]).is_err());
        let (first, second) = (lines(&["pass 10-a 1.0", "done"]), lines(&["pass 20-b 2.0"]));
        assert!(
            check_results(
                Path::new("results"),
                &names,
                &[first.clone(), [&second[..], &lines(&["done"])].concat()]
            )
            .is_ok()
        );
        assert!(check_results(Path::new("results"), &names, &[first, second]).is_err());
        assert!(check_results(Path::new("results"), &names, &[]).is_err());
    }
}
