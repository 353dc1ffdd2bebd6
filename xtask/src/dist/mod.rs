//! Static programs for computers and routers, in archives that have the same bytes whenever and wherever they are made.

mod sbom;
mod sections;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::install::{self, Need};
use crate::run::{command, entries, metadata, output, output_of, root, status, target};
use crate::toolchain::{self, Toolchain};

use targets::{TARGETS, VARIANTS};
pub(crate) use targets::{Target, Variant};

const OPTIONS: [&str; 3] = ["--full", "--router", "--twice"];

/// What an archive contains beside the program.
const TEXTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Makes the archives of the named targets, or of all, each with a list of its crates beside it, and the checksums. `--full` and `--router` make one of the two
/// programs. With `--twice` each is made a second time, from a copy of the source in another folder, and must have the same bytes.
pub(crate) fn make(args: &[&str]) -> Result<(), String> {
    let (options, names): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| arg.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| !OPTIONS.contains(option)) {
        return Err(format!("dist has no option {unknown}; there are {}", OPTIONS.join(", ")));
    }
    let variants: Vec<Variant> =
        VARIANTS.into_iter().filter(|v| !options.contains(&v.other().option())).collect();
    let chosen = match names.as_slice() {
        [] => TARGETS.iter().collect(),
        names => names.iter().map(|name| Target::named(name)).collect::<Result<Vec<_>, _>>()?,
    };
    prepare()?;
    let toolchain = toolchain::get()?;
    let here = Place::here()?;
    let there = Place::copied(&target("twice")?)?;
    for target in chosen {
        for &variant in &variants {
            let made = archive(&toolchain, &here, target, variant)?;
            if options.contains(&"--twice") {
                let again = archive(&toolchain, &there, target, variant)?;
                same(&made, &again)?;
            }
        }
        for place in [&here, &there] {
            // A gigabyte for each target.
            let _ = fs::remove_dir_all(place.built.join(target.triple));
        }
    }
    let _ = fs::remove_dir_all(target("twice")?);
    checksums(&here.archives)
}

/// Installs what archives are made with.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/bin/git", package: "git" },
        Need { file: "/usr/bin/gzip", package: "gzip" },
        Need { file: "/usr/bin/xz", package: "xz-utils" },
    ])
}

/// Where something is built from, where to, and where its archives go.
struct Place {
    source: PathBuf,
    built: PathBuf,
    archives: PathBuf,
}

impl Place {
    fn here() -> Result<Place, String> {
        Ok(Place { source: root(), built: target("cross")?, archives: target("dist")? })
    }

    /// A copy of the source in `folder`, by another path.
    fn copied(folder: &Path) -> Result<Place, String> {
        let _ = fs::remove_dir_all(folder);
        let source = folder.join("copy/of/the/source");
        for file in output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?.lines() {
            let (from, to) = (root().join(file), source.join(file));
            if from.is_file() {
                let parent = to.parent().unwrap_or(&source);
                fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
                fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
            }
        }
        Ok(Place { source, built: folder.join("cross"), archives: folder.join("dist") })
    }
}

/// Builds a program in the target folder, which keeps what was built; the path of it.
pub(crate) fn program(toolchain: &Toolchain, target: &Target, variant: Variant) -> Result<PathBuf, String> {
    build(toolchain, &Place::here()?, target, variant)
}

/// Builds a program; the path of it.
fn build(toolchain: &Toolchain, place: &Place, target: &Target, variant: Variant) -> Result<PathBuf, String> {
    let profile = target.profile(variant);
    let mut cargo = toolchain.cargo(&["zigbuild", "--locked", "--quiet", "-p", "stickshift", "--target"])?;
    cargo.args([target.triple, "--profile", profile]).args(target.arguments(variant));
    let mut flags: Vec<String> = target.flags(variant).into_iter().map(str::to_owned).collect();
    flags.extend(remapped(toolchain, place)?);
    cargo
        .current_dir(&place.source)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_TARGET_DIR", &place.built)
        .env("SOURCE_DATE_EPOCH", epoch()?);
    status(cargo)?;
    let program = place.built.join(target.triple).join(profile).join("stickshift");
    if variant == Variant::Router {
        sections::take_out(&program)?;
    }
    Ok(program)
}

/// Flags that keep this machine's paths out of the program.
fn remapped(toolchain: &Toolchain, place: &Place) -> Result<Vec<String>, String> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| Path::new(&home).join(".cargo"), PathBuf::from);
    let paths = [
        (place.source.clone(), "/stickshift"),
        (place.built.clone(), "/target"),
        (cargo, "/cargo"),
        (toolchain.source()?, "/rust"),
    ];
    Ok(paths.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).to_vec())
}

/// The time that files of archives have: that of the commit, unless the caller names one. It is the same for a whole run, whatever is committed meanwhile.
fn epoch() -> Result<String, String> {
    static EPOCH: OnceLock<Result<String, String>> = OnceLock::new();
    let read = || match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(given) => Ok(given),
        Err(_) => Ok(output("git", &["log", "-1", "--format=%ct"])?.trim().to_owned()),
    };
    EPOCH.get_or_init(read).clone()
}

/// The version of the program.
pub(crate) fn version() -> Result<String, String> {
    let mut packages = metadata()?["packages"].as_array().into_iter().flatten();
    let program = packages.find(|package| package["name"] == "stickshift");
    let version = program.and_then(|package| package["version"].as_str());
    version.map(str::to_owned).ok_or_else(|| "the workspace has no program".to_owned())
}

/// Names of all archives of this version, without what files add.
pub(crate) fn names() -> Result<Vec<String>, String> {
    let version = version()?;
    Ok(TARGETS.iter().flat_map(|target| VARIANTS.map(|variant| target.archive(&version, variant))).collect())
}

/// Builds a program and packs it; the path of the archive.
fn archive(
    toolchain: &Toolchain,
    place: &Place,
    target: &Target,
    variant: Variant,
) -> Result<PathBuf, String> {
    let program = build(toolchain, place, target, variant)?;
    let name = target.archive(&version()?, variant);
    let folder = place.archives.join(&name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let copy = |from: &Path, to: &str| {
        fs::copy(from, folder.join(to)).map_err(|e| format!("{}: {e}", from.display()))
    };
    let size = copy(&program, "stickshift")?;
    for text in TEXTS {
        copy(&place.source.join(text), text)?;
    }
    let path = place.archives.join(format!("{name}.tar.gz"));
    pack(&place.archives, &name, &path)?;
    let list = place.archives.join(format!("{name}.cdx.json"));
    fs::write(&list, sbom::of(target, variant)?).map_err(|e| format!("{}: {e}", list.display()))?;
    let packed = fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?.len();
    let xz = compressed(&program)?;
    println!("    {name}: {size} bytes, {xz} by xz, archive {packed} ({})", target.machines);
    fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(path)
}

/// Gzip, because the tar of many routers opens nothing else.
fn pack(folder: &Path, name: &str, path: &Path) -> Result<(), String> {
    let mut tar = command("tar", &["--create", "--format=ustar", "--sort=name", "--numeric-owner"]);
    tar.args(["--owner=0", "--group=0", "--mode=u=rwX,go=rX", "--use-compress-program=gzip -9 -n"]);
    tar.arg(format!("--mtime=@{}", epoch()?))
        .arg("--file")
        .arg(path)
        .arg("--directory")
        .arg(folder)
        .arg(name);
    status(tar)
}

/// The size that a file has by xz, as on a router's squashfs.
fn compressed(file: &Path) -> Result<usize, String> {
    let mut xz = Command::new("xz");
    xz.args(["-9", "--stdout", "--threads=1"]).arg(file);
    let output = xz.output().map_err(|e| format!("xz: {e}"))?;
    if output.status.success() { Ok(output.stdout.len()) } else { Err(format!("xz: {}", output.status)) }
}

fn same(one: &Path, other: &Path) -> Result<(), String> {
    let read = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let name = one.file_name().unwrap_or_default().to_string_lossy();
    if read(one)? != read(other)? {
        return Err(format!(
            "{name}: other bytes the second time ({} and {})",
            one.display(),
            other.display()
        ));
    }
    println!("    {name}: the same bytes twice");
    Ok(())
}

/// Writes `SHA256SUMS`, which `sha256sum --check` reads.
fn checksums(folder: &Path) -> Result<(), String> {
    let made =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz" || extension == "json");
    let archives: Vec<PathBuf> = entries(folder)?.into_iter().filter(made).collect();
    let mut sums = command("sha256sum", &["--"]);
    sums.current_dir(folder).args(archives.iter().filter_map(|path| path.file_name()));
    let path = folder.join("SHA256SUMS");
    fs::write(&path, output_of(&mut sums)?).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("    the archives are in {}", folder.display());
    Ok(())
}
