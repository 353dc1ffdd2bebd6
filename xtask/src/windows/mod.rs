//! The program for Windows: built with Debian's mingw-w64, and the tier that runs it under wine beside the program for this system.
//!
//! What is not in it: USB, which wine does not show.

mod ports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::install::{self, Need};
use crate::run::{self, command, phase, target};

const TARGET: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver";
/// A command that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A compiler for the parts that Rust links, and Rust's standard library for Windows.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[Need {
        file: "/usr/bin/x86_64-w64-mingw32-gcc",
        package: "gcc-mingw-w64-x86-64-win32",
    }])?;
    install::rust_target(TARGET)
}

/// The same, and wine.
pub(crate) fn prepare_wine() -> Result<(), String> {
    prepare()?;
    install::debian(&[Need { file: WINE, package: "wine64" }])
}

/// Builds the program as it is given to people; where it is.
pub(crate) fn release() -> Result<PathBuf, String> {
    prepare()?;
    phase(&format!("compiling the program for {TARGET}"));
    run::executable(&["build", "--release", "-p", "stickshift", "--target", TARGET])
}

/// Builds the program for tests, and all that is in it; where it is.
pub(crate) fn program() -> Result<PathBuf, String> {
    phase(&format!("compiling the program for {TARGET}"));
    // Compiling takes longer than running.
    let plain = ["--config", "profile.dev.opt-level=0", "--config", "profile.dev.debug=false"];
    run::executable(&[&["build", "-p", "stickshift", "--target", TARGET], &plain[..]].concat())
}

/// Runs the program for Windows beside that for this system, with the same arguments on the same files.
pub(crate) fn wine() -> Result<(), String> {
    let (here, there) = (run::program()?, program()?);
    let folder = target("wine")?;
    for stale in ["run", "files-here", "files-there"] {
        let _ = fs::remove_dir_all(folder.join(stale));
    }
    make(&folder.join("run"))?;
    let program = folder.join("run/stickshift.exe");
    fs::copy(&there, &program).map_err(|e| format!("{}: {e}", there.display()))?;
    let shim = text(&folder.join("run/bcryptprimitives.dll"));
    run::run(COMPILER, &["-shared", "-O2", "-o", &shim, "xtask/wine/bcryptprimitives.c", "-ladvapi32"])?;
    let wine = Wine { here, program, prefix: folder.join("prefix"), folder };
    phase("starting wine");
    make(&wine.prefix)?;
    let ended = wine.start().and_then(|()| wine.everything());
    wine.stop();
    ended
}

struct Wine {
    /// The program for this system.
    here: PathBuf,
    /// That for Windows.
    program: PathBuf,
    prefix: PathBuf,
    folder: PathBuf,
}

/// What a program printed, and its exit code.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    /// The program has another name there, Windows' paths other separators, and temporary files lie elsewhere.
    fn of(output: &Output) -> Ended {
        let plain = |bytes: &[u8]| {
            let text =
                String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace("stickshift.exe", "stickshift");
            let text = text.replace("\\\\", "/").replace('\\', "/").replace("Z:/", "/");
            text.split_inclusive('\n').map(without_temporary).collect()
        };
        Ended { code: output.status.code(), out: plain(&output.stdout), err: plain(&output.stderr) }
    }
}

/// A line with `/tmp/stickshift-0123../firmware.bin` as `firmware.bin`.
fn without_temporary(line: &str) -> String {
    const NAME: &str = "/stickshift-";
    let Some((before, after)) = line.split_once(NAME) else { return line.to_owned() };
    let end =
        after.find('/').filter(|end| *end == 32 && after[..*end].bytes().all(|b| b.is_ascii_hexdigit()));
    match end {
        Some(end) => {
            let start = before.rfind([' ', '"']).map_or(0, |at| at + 1);
            format!("{}{}", &before[..start], without_temporary(&after[end + 1..]))
        }
        None => format!("{before}{NAME}{}", without_temporary(after)),
    }
}

impl Wine {
    fn everything(&self) -> Result<(), String> {
        phase("help, files, profiles and captures, as on this system");
        let mut compared = 0;
        for args in self.commands()? {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            self.same(&args)?;
            compared += 1;
        }
        // The words of the error are the system's.
        expect(&self.there(&["inspect", "no-such-file"])?, 1)?;
        phase("a rehearsal, and the files it makes");
        self.rehearsal()?;
        phase("virtual sticks by COM port");
        let files = self.folder.join("files-here");
        ports::try_them(self, &files.join("firmware.bin"), &files.join("loader.bin"))?;
        phase("nothing of Linux is written");
        self.nothing_of_linux()?;
        println!("    {compared} commands ended as on this system");
        Ok(())
    }

    /// Commands that need no stick.
    fn commands(&self) -> Result<Vec<Vec<String>>, String> {
        let mut all: Vec<Vec<String>> = Vec::new();
        let mut add = |words: &str| all.push(words.split_whitespace().map(str::to_owned).collect());
        add("--help");
        add("switch --help");
        add("flash --help");
        add("profile list 12d1");
        add("profile show 12d1:1526");
        add("profile show ffff:ffff");
        for format in ["usb_modeswitch", "openwrt", "udev", "stickshift"] {
            add(&format!("profile convert 12d1:1526 --to {format}"));
        }
        add("rehearse --json --quiet");
        add("rehearse --fault powerloss@100 --seed 7");
        add("rehearse --needle --quiet");
        add("switch --virtual k3772 --dry-run");
        add("switch --virtual k3772");
        add("list --virtual e3372h-hilink,k3772 --json");
        add("identify --virtual e3372h-stick");
        add("at ATI --virtual e3372h-stick");
        add("hilink status --virtual e3372h-hilink");
        add("sms list --virtual e3372h-stick --json");
        add("learn tests/fixtures/captures/k3772.usbmon.txt");
        add("learn tests/fixtures/captures/k3772.usbmon.txt --format usb_modeswitch");
        add("learn tests/fixtures/captures/huawei-e220.usbmon.txt --json");
        for file in ["k3772-switched.dmesg", "quectel-ec25.lsusb-v", "ec25.mmcli-k", "whole-bus.lsusb-v"] {
            add(&format!("inspect tests/fixtures/pasted/{file}.txt"));
        }
        add("inspect tests/fixtures/tplink-k3772.bin");
        Ok(all)
    }

    /// The files of a rehearsal are the same bytes, and both programs read them alike.
    fn rehearsal(&self) -> Result<(), String> {
        let (here, there) = (self.folder.join("files-here"), self.folder.join("files-there"));
        make(&here)?;
        make(&there)?;
        let run = |program: &dyn Fn(&[&str]) -> Result<Ended, String>, folder: &Path| {
            program(&["rehearse", "--quiet", "--files", &text(folder)])
        };
        expect(&run(&|args| self.here(args), &here)?, 0)?;
        expect(&run(&|args| self.there(args), &there)?, 0)?;
        for name in ["firmware.bin", "loader.bin", "webui.bin"] {
            let read = |folder: &Path| fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"));
            if read(&here)? != read(&there)? {
                return Err(format!("{name} has other bytes on Windows"));
            }
        }
        let (firmware, loader) = (text(&here.join("firmware.bin")), text(&here.join("loader.bin")));
        self.same(&["inspect", &firmware])?;
        self.same(&["firmware", "verify", &firmware])?;
        self.same(&["loader", "info", &loader])?;
        self.same(&["loader", "info", &loader, "--json"])
    }

    /// Wine shows this system's files, so that a file that belongs to Linux would come to lie here.
    fn nothing_of_linux(&self) -> Result<(), String> {
        let rules = Path::new("/etc/udev/rules.d/70-stickshift.rules");
        let before = fs::read(rules).ok();
        for words in ["setup udev --group root", "setup systemd", "setup netifd", "setup networkd"] {
            let ended = self.there(&words.split_whitespace().collect::<Vec<_>>())?;
            if ended.code != Some(1) || !ended.err.contains("unsupported") {
                return Err(format!("{words} on Windows: {ended:?}"));
            }
        }
        if fs::read(rules).ok() != before {
            return Err(format!("{} was written", rules.display()));
        }
        let doctor = self.there(&["doctor"])?;
        for word in ["udev", "modprobe", "ModemManager"] {
            if doctor.out.contains(word) {
                return Err(format!("doctor on Windows speaks of {word}: {}", doctor.out));
            }
        }
        Ok(())
    }

    fn same(&self, args: &[&str]) -> Result<(), String> {
        let (here, there) = (self.here(args)?, self.there(args)?);
        if here == there {
            return Ok(());
        }
        Err(format!("{}\n--- here: {here:#?}\n--- on Windows: {there:#?}", args.join(" ")))
    }

    fn here(&self, args: &[&str]) -> Result<Ended, String> {
        let mut program = command(&text(&self.here), args);
        self.end(&mut program)
    }

    fn there(&self, args: &[&str]) -> Result<Ended, String> {
        self.run(&[&[text(&self.program).as_str()], args].concat())
    }

    /// Runs a program for Windows.
    fn run(&self, words: &[&str]) -> Result<Ended, String> {
        self.end(&mut self.wine(words))
    }

    fn wine(&self, words: &[&str]) -> Command {
        let mut wine = command(WINE, words);
        wine.env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=;bcryptprimitives=n");
        wine
    }

    fn server(&self, option: &str) -> Command {
        let mut server = command(SERVER, &[option]);
        server.env("WINEPREFIX", &self.prefix);
        server
    }

    /// Starts the server of this prefix and Windows' services, which run on until they are stopped. Otherwise each command would start them anew, and would seem
    /// to last three seconds longer: so long they run on by themselves, with the pipes of the program that started them.
    fn start(&self) -> Result<(), String> {
        for mut command in [self.server("-p"), self.wine(&[&text(&self.program), "--version"])] {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            run::status(command)?;
        }
        Ok(())
    }

    /// Ends them.
    fn stop(&self) {
        for option in ["-k", "-w"] {
            let _ = self.server(option).status();
        }
    }

    fn end(&self, program: &mut Command) -> Result<Ended, String> {
        let state = self.folder.join("state");
        program.env("STICKSHIFT_STATE", &state).env("NO_COLOR", "1").env("COLUMNS", "100");
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = format!("{program:?}");
        let child = program.spawn().map_err(|e| format!("{shown}: {e}"))?;
        let (id, start) = (child.id(), Instant::now());
        let waiting = thread::spawn(move || child.wait_with_output());
        while !waiting.is_finished() {
            if start.elapsed() > LIMIT {
                let _ = command("kill", &["-9", &id.to_string()]).status();
                return Err(format!("{shown}: it hangs"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let output = waiting.join().map_err(|_| format!("{shown}: no output"))?;
        output.map(|output| Ended::of(&output)).map_err(|e| format!("{shown}: {e}"))
    }
}

fn expect(ended: &Ended, code: i32) -> Result<(), String> {
    if ended.code == Some(code) { Ok(()) } else { Err(format!("on Windows: {ended:#?}")) }
}

fn make(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The manifests of packaging/windows name what this program is.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::root;

    #[test]
    fn the_manifests_are_complete() {
        let folder = root().join("packaging/windows");
        let scoop = fs::read_to_string(folder.join("scoop/stickshift.json")).unwrap();
        let scoop: serde_json::Value = serde_json::from_str(&scoop).unwrap();
        for field in
            ["version", "description", "homepage", "license", "architecture", "bin", "checkver", "autoupdate"]
        {
            assert!(!scoop[field].is_null(), "scoop: {field}");
        }
        let of_64_bits = &scoop["architecture"]["64bit"];
        assert!(of_64_bits["url"].is_string() && of_64_bits["hash"].is_string());
        let version = scoop["version"].as_str().unwrap();
        assert_eq!(run::metadata().unwrap()["packages"][0]["version"].as_str(), Some(version));

        let winget = |name: &str| fs::read_to_string(folder.join("winget").join(name)).unwrap();
        let wanted: [(&str, &[&str]); 3] = [
            (
                "stickshift.yaml",
                &["PackageIdentifier", "PackageVersion", "DefaultLocale", "ManifestType", "ManifestVersion"],
            ),
            (
                "stickshift.installer.yaml",
                &[
                    "PackageIdentifier",
                    "PackageVersion",
                    "InstallerType",
                    "Installers",
                    "ManifestType",
                    "ManifestVersion",
                ],
            ),
            (
                "stickshift.locale.en-US.yaml",
                &[
                    "PackageIdentifier",
                    "PackageVersion",
                    "PackageLocale",
                    "Publisher",
                    "PackageName",
                    "License",
                    "ShortDescription",
                    "ManifestType",
                    "ManifestVersion",
                ],
            ),
        ];
        for (name, fields) in wanted {
            let text = winget(name);
            let value = |field: &str| {
                text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim)
            };
            for field in fields {
                assert!(value(field).is_some(), "{name}: {field}");
            }
            assert_eq!(value("PackageVersion"), Some(version), "{name}");
            assert!(!text.contains('\t'), "{name}: YAML takes no tabs");
        }
    }
}
