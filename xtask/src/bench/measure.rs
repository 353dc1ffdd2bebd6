//! Whole processes, measured: time on the wall, time on the processor, memory.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// What one run of a program took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    pub(super) wall: Duration,
    pub(super) user: Duration,
    pub(super) system: Duration,
    /// Largest resident memory, bytes.
    pub(super) peak: u64,
}

impl Took {
    /// Of several runs: the shortest time on the wall, the mean time on the processor (its clock is coarse), the largest memory.
    pub(super) fn of(runs: &[Took]) -> Took {
        let mean = |part: fn(&Took) -> Duration| runs.iter().map(part).sum::<Duration>() / runs.len() as u32;
        Took {
            wall: runs.iter().map(|r| r.wall).min().unwrap_or_default(),
            user: mean(|r| r.user),
            system: mean(|r| r.system),
            peak: runs.iter().map(|r| r.peak).max().unwrap_or_default(),
        }
    }

    /// How many times the wall time of `floor` this is.
    pub(super) fn ratio(self, floor: Took) -> f64 {
        self.wall.as_secs_f64() / floor.wall.as_secs_f64()
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "wall {:.3} s   user {:.3} s   system {:.3} s   peak {:.1} MB",
            self.wall.as_secs_f64(),
            self.user.as_secs_f64(),
            self.system.as_secs_f64(),
            self.peak as f64 / 1e6
        )
    }
}

/// Runs a program to its end, its output thrown away. It must end well.
pub(super) fn took(command: &mut Command) -> Result<Took, String> {
    let shown = format!("{command:?}");
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("{shown}: {e}"))?;
    let used = child.wait4().map_err(|e| format!("{shown}: {e}"))?;
    let wall = start.elapsed();
    if !used.status.success() {
        return Err(format!("{shown}: {}", used.status));
    }
    Ok(Took { wall, user: used.rusage.utime, system: used.rusage.stime, peak: used.rusage.maxrss })
}

/// One thing that is measured.
pub(super) type Run<'a> = Box<dyn FnMut() -> Result<Took, String> + 'a>;

/// What each takes in `rounds` runs; they take turns.
pub(super) fn in_turn(rounds: u32, runs: &mut [Run<'_>]) -> Result<Vec<Took>, String> {
    Ok(each_in_turn(rounds, runs)?.iter().map(|runs| Took::of(runs)).collect())
}

/// The same, every run of each.
pub(super) fn each_in_turn(rounds: u32, runs: &mut [Run<'_>]) -> Result<Vec<Vec<Took>>, String> {
    let mut seen = vec![Vec::new(); runs.len()];
    for _ in 0..rounds {
        for (run, seen) in runs.iter_mut().zip(&mut seen) {
            seen.push(run()?);
        }
    }
    Ok(seen)
}

/// How many times as long the one took as the other in the same round, the middle one of all rounds: what else the machine does falls on
/// both.
pub(super) fn in_pairs(ours: &[Took], theirs: &[Took], part: fn(&Took) -> Duration) -> f64 {
    let mut ratios: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| part(ours).as_secs_f64() / part(theirs).as_secs_f64().max(1e-6))
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}
