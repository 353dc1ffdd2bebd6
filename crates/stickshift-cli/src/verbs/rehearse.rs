//! `stickshift rehearse`: a conversion from end to end on a virtual E3372h. No hardware, no root, no download.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use stickshift::atomic_file::AtomicFile;
use stickshift::convert::{self, ConversionPlan, ConvertRequest, Converted, FirmwareFile, Target};
use stickshift::error::{ErrorKind, Result, Verdict};
use stickshift::event::Session;
use stickshift::link::Bus;
use stickshift::stick::Place;
use stickshift_emu::computer::VirtualBus;

use crate::context::Context;
use crate::files::{self, TemporaryFolder};
use crate::recovery::Work;
use crate::verbs::convert::ConversionReport;
use crate::{consent, pace, synthetic};

/// Rehearse a conversion on a simulated E3372h: no hardware, no root, no download.
///
/// Generates a loader and synthetic firmware images without third-party code and converts a virtual stick with them, using the code that
/// converts a real one. --fault simulates a pulled stick, lost replies or a power failure; the rehearsal then resumes.
#[derive(Args, Debug)]
pub(crate) struct RehearseArgs {
    /// Firmware to convert to
    #[arg(long, value_enum, default_value = "stick")]
    to: Direction,

    /// Start with firmware that refuses to be replaced, which requires the boot pin (needle)
    #[arg(long)]
    needle: bool,

    /// Take the time that a real stick takes; otherwise its minutes pass at once
    #[arg(long)]
    real_time: bool,

    /// Only write the loader and the firmware images to DIR, for use with the other verbs
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    Stick,
    Hilink,
}

/// Interruptions after which the rehearsal gives up.
const ATTEMPTS: u32 = 6;

pub(crate) fn run(context: &mut Context, args: RehearseArgs) -> Result<()> {
    let (to, name, version) = match args.to {
        Direction::Stick if args.needle => (Target::Stick, "e3372h-hilink-closed", "21.180.01.00.00"),
        Direction::Stick => (Target::Stick, "e3372h-hilink", "21.180.01.00.00"),
        Direction::Hilink => (Target::Hilink, "e3372h-stick", "22.200.15.00.00"),
    };
    let seed = context.global.virtual_sticks.seed();
    if let Some(folder) = &args.files {
        let is_new = !folder.exists();
        files::make_folder(folder)?;
        let made = make_files(folder, context.global.force, to, version, seed);
        let files = made.inspect_err(|_| {
            if is_new {
                let _ = std::fs::remove_dir(folder);
            }
        })?;
        let made: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        context.output.say(&format!("made {}", made.join(", ")));
        context.output.sum_up(&Made { files });
        let word = |name: &str| files::path_word(&folder.join(name));
        context.output.say(&format!(
            "next, with a virtual stick that is kept in the file stick: stickshift convert --to {} --firmware {} --webui {} --loader {} --virtual {} --virtual-state stick",
            to.word(),
            word(FILES[1]),
            word(FILES[2]),
            word(FILES[0]),
            name,
        ));
        return Ok(());
    }
    let folder = TemporaryFolder::new()?;
    let [loader_file, firmware, webui] = make_files(&folder.path, false, to, version, seed)?;

    context
        .output
        .say(match args.real_time {
            true => "a rehearsal on a virtual stick: no real stick is touched; it takes as long as a real one",
            false => "a rehearsal on a virtual stick: no real stick is touched, and its minutes (in brackets) pass at once",
        });
    let played = context.opener.use_virtual(name)?;
    let bus = &played.bus;
    let begun = bus.now();
    let (clock, started) = (bus.clone(), Instant::now());
    context.output.clock_is(Box::new(move || clock.now() - begun));
    let mut session = context.session_with(|event| {
        played.owner_hears(event);
        if args.real_time {
            pace::keep(&started, played.bus.now() - begun, &context.cancel);
        }
    });
    let mut files =
        vec![FirmwareFile::open(&firmware, &mut session)?, FirmwareFile::open(&webui, &mut session)?];
    convert::order(&mut files, to);
    let loader = Some(consent::loader(&loader_file, false)?);
    let mut request = ConvertRequest {
        to,
        loader,
        files,
        consents: Default::default(),
        resume: false,
        login: None,
        no_updates: false,
    };

    let mut traced = context.bus()?;
    let stick = context.stick(&mut *traced, None)?;
    let planned = convert::plan(&mut *traced, &stick, &request, &mut session)?;
    context.output.interim("plan", &planned.plan);
    context.output.flashes(request.files.iter().flat_map(|file| &file.sizes).sum());
    let converted = persist(context, bus, &mut *traced, planned, &mut request, &folder, &mut session)?;
    context.output.finish(&ConversionReport::from(converted));
    let took = (bus.now() - begun).as_secs();
    context.output.say(&format!(
        "the virtual stick took {} min {} s for it; nothing real was touched\n\
         next: `stickshift rehearse --needle --fault powerloss@300`, or with a real stick `stickshift list` and `stickshift convert --to {} --firmware FILE --loader FILE --dry-run`",
        took / 60,
        took % 60,
        to.word()
    ));
    Ok(())
}

/// The files that were made: loader, firmware and web UI.
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Made {
    files: [PathBuf; 3],
}

/// The names of loader, firmware and web UI.
const FILES: [&str; 3] = ["loader.bin", "firmware.bin", "webui.bin"];

/// Makes them in a folder, all or none: each is on the disk before the first has its name.
fn make_files(folder: &Path, force: bool, to: Target, version: &str, seed: u64) -> Result<[PathBuf; 3]> {
    let files = FILES.map(|name| folder.join(name));
    let contents = [
        synthetic::stock_loader(seed),
        synthetic::main_firmware(to.word(), version, seed)?,
        synthetic::web_ui("17.100.18.05.1217", seed)?,
    ];
    let mut begun = Vec::new();
    for (path, bytes) in files.iter().zip(&contents) {
        let mut file = files::begin(path, force)?;
        file.write_all(bytes).map_err(|e| files::unwritable(path, e))?;
        file.sync()?;
        begun.push(file);
    }
    begun.into_iter().try_for_each(AtomicFile::commit)?;
    Ok(files)
}

/// Converts, and after an interruption does what a person would do and resumes.
fn persist(
    context: &Context,
    virtual_bus: &VirtualBus,
    bus: &mut dyn Bus,
    mut planned: ConversionPlan,
    request: &mut ConvertRequest,
    folder: &TemporaryFolder,
    session: &mut Session<'_>,
) -> Result<Converted> {
    let before = planned.before.clone();
    let mut attempt = 1;
    loop {
        let error = match convert::convert(bus, &planned, request, &folder.path, session) {
            Ok(converted) => return Ok(Converted { before: before.or(converted.before), ..converted }),
            Err(error) => error,
        };
        let verdict = context.output.verdict(&error);
        let hopeless =
            error.is(ErrorKind::Interrupted) || !matches!(verdict, Verdict::Recoverable | Verdict::Untouched);
        if hopeless || attempt == ATTEMPTS {
            context.output.work_is(Work::Rehearsal);
            return Err(error);
        }
        attempt += 1;
        context.output.setback(&error);
        session.step("owner", "the virtual owner pulls the stick, puts it back, and resumes");
        put_back(virtual_bus, &planned.place);
        request.resume = true;
        let stick = context.stick(bus, Some(planned.place.as_str()))?;
        planned = convert::plan(bus, &stick, request, session)?;
    }
}

/// Pulls the stick and puts it back, and gives it time to show.
fn put_back(bus: &VirtualBus, place: &Place) {
    bus.power(place, false);
    bus.advance(Duration::from_secs(2));
    bus.power(place, true);
    bus.advance(Duration::from_secs(60));
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<ConversionReport>("rehearse");
    shapes.result::<Made>("rehearse");
    shapes.event::<stickshift::plan::Plan>("rehearse", "plan");
    shapes.event::<crate::output::FailureReport>("rehearse", "failed");
}
