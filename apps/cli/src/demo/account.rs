//! The printed account: numbered steps, what was seen, how long it took.

use crate::{
    failure::Failure,
    screen::{Screen, Style, paint},
};
use std::time::Instant;

const INDENT: &str = "   ";

/// Prints what happens as it happens.
pub(super) struct Account<'a> {
    screen: &'a mut Screen,
    steps: usize,
    begun: Instant,
    step_begun: Instant,
}

impl<'a> Account<'a> {
    /// Begins now.
    pub(super) fn new(screen: &'a mut Screen) -> Self {
        let now = Instant::now();
        Self { screen, steps: 0, begun: now, step_begun: now }
    }

    /// Says what is to happen next.
    pub(super) fn step(&mut self, title: &str) -> Result<(), Failure> {
        self.steps += 1;
        self.step_begun = Instant::now();
        let title = paint(self.screen.colour(), Style::Strong, title);
        self.screen.line(&format!("\n{}. {title}", self.steps))?;
        self.screen.flush()
    }

    /// Says what was seen.
    pub(super) fn tell(&mut self, line: &str) -> Result<(), Failure> {
        self.screen.line(&format!("{INDENT}{line}"))?;
        self.screen.flush()
    }

    /// Shows what a command prints.
    pub(super) fn show(&mut self, print: impl FnOnce(bool) -> String) -> Result<(), Failure> {
        print(self.screen.colour()).lines().try_for_each(|line| self.tell(line))
    }

    /// Says that the step has been seen to happen.
    pub(super) fn done(&mut self) -> Result<(), Failure> {
        let took = format!("({:.2} s)", self.step_begun.elapsed().as_secs_f64());
        let took = paint(self.screen.colour(), Style::Quiet, &took);
        self.tell(&took)
    }

    /// Ends the account.
    pub(super) fn close(self, last: &str) -> Result<(), Failure> {
        let took = self.begun.elapsed().as_secs_f64();
        let done = paint(self.screen.colour(), Style::Good, "Done");
        self.screen.line(&format!("\n{done}: {} steps in {took:.1} s. {last}", self.steps))
    }
}
