//! The table of a run: each figure beside its floor and its goal.

use serde::Serialize;
use std::fmt;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured; the same in every run.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// The figure divided by its floor's, where there is one.
    pub ratio: Option<f64>,
    /// Which floor.
    pub floor: &'static str,
    /// What is asked for.
    pub goal: Option<Bound>,
    /// What is far from it: a regression.
    pub alarm: Option<Bound>,
}

/// A bound for a figure, or for its ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The ratio is at least this.
    RatioAtLeast(f64),
    /// The ratio is at most this.
    RatioAtMost(f64),
    /// The figure is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
}

impl Row {
    /// A figure without floor and bounds.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, ratio: None, floor: "", goal: None, alarm: None }
    }

    /// Beside its floor.
    pub fn beside(self, floor: &'static str, value: f64) -> Self {
        Self { ratio: Some(self.value / value), floor, ..self }
    }

    /// With what is asked for.
    pub fn goal(self, goal: Bound) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// With what counts as a regression.
    pub fn alarm(self, alarm: Bound) -> Self {
        Self { alarm: Some(alarm), ..self }
    }

    /// Whether a bound holds.
    pub fn keeps(&self, bound: Bound) -> bool {
        let ratio = self.ratio.unwrap_or(f64::NAN);
        match bound {
            Bound::RatioAtLeast(least) => ratio >= least,
            Bound::RatioAtMost(most) => ratio <= most,
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtLeast(bound) => write!(f, "≥ {bound:.2} ×"),
            Self::RatioAtMost(bound) => write!(f, "≤ {bound:.2} ×"),
            Self::AtLeast(bound) => write!(f, "≥ {}", short(*bound)),
            Self::AtMost(bound) => write!(f, "≤ {}", short(*bound)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.ratio.map(|ratio| format!("{ratio:.2} × {}", self.floor)).unwrap_or_default();
        let goal = self.goal.map(|goal| goal.to_string()).unwrap_or_default();
        let verdict = self.goal.map_or("", |goal| if self.keeps(goal) { "met" } else { "not met" });
        let value = format!("{} {}", short(self.value), self.unit);
        write!(f, "{:<44} {value:>18}   {ratio:<26} {goal:<12} {verdict}", self.name)
    }
}

/// The heading that fits [`Row`]'s lines.
pub fn heading() -> String {
    format!("{:<44} {:>18}   {:<26} {:<12}", "work", "figure", "beside the floor", "goal")
}

/// Rows that are past their alarm.
pub fn alarms(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.alarm.is_some_and(|alarm| !row.keeps(alarm))).collect()
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_or_alarm() {
        let row = Row::new("64 B live", 300_000.0, "msg/s").beside("raw-win", 1_000_000.0);
        assert!(row.keeps(Bound::RatioAtLeast(0.3)) && !row.keeps(Bound::RatioAtLeast(0.31)));
        assert!(row.keeps(Bound::AtLeast(2e5)) && !row.keeps(Bound::AtMost(2e5)));
        let slow = row.clone().alarm(Bound::RatioAtLeast(0.5));
        assert_eq!(alarms(&[row, slow]).len(), 1);
    }

    #[test]
    fn a_figure_that_could_not_be_measured_meets_nothing() {
        let row = Row::new("x", f64::NAN, "ms");
        assert!(!row.keeps(Bound::AtMost(1e9)) && !row.keeps(Bound::RatioAtLeast(0.0)));
    }
}
