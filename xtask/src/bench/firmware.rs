//! Listing and verifying an image, as a whole process.

use super::measure::{Run, in_turn, took};
use super::{program, sample};
use crate::run::command;

const ROUNDS: u32 = 10;

pub(super) fn run() -> Result<(), String> {
    let program = program()?;
    let image = sample::image(&program)?;
    let (program, image) = (program.to_string_lossy(), image.to_string_lossy());
    let original = std::env::var("BALONG_FLASH").ok();
    let mut runs: Vec<Run<'_>> = vec![
        Box::new(|| took(&mut command(&program, &["inspect", &image]))),
        Box::new(|| took(&mut command(&program, &["firmware", "verify", &image]))),
    ];
    if let Some(original) = &original {
        runs.push(Box::new(|| took(&mut command(original, &["-m", &image]))));
    }
    let best = in_turn(ROUNDS, &mut runs)?;
    println!("list             {}", best[0]);
    println!("verify           {}", best[1]);
    match best.get(2) {
        Some(theirs) => {
            println!("balong_flash -m  {theirs}");
            println!(
                "list takes {:.3} of its time, verify {:.3}",
                best[0].ratio(*theirs),
                best[1].ratio(*theirs)
            );
        }
        None => println!("balong_flash -m  not given (BALONG_FLASH)"),
    }
    Ok(())
}
