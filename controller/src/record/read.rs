//! What a record tells.

use rusqlite::params;
use stipple_model::plan::DotId;

use super::Record;
use super::terms::{DotState, InDoubt, PlacedDot, RecordCounts, RecordError, sqlite};

impl Record {
    /// How many dots stand how.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counts(&self) -> Result<RecordCounts, RecordError> {
        let doing = sqlite("counting the dots");
        let mut query = self
            .db
            .prepare(
                "SELECT state, coalesce(reason, ''), count(*) FROM dots GROUP BY state, reason",
            )
            .map_err(&doing)?;
        let rows = query
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, u32>(2)?,
                ))
            })
            .map_err(&doing)?;
        let mut counts = RecordCounts::default();
        for row in rows {
            let (state, reason, count) = row.map_err(&doing)?;
            match DotState::from_key(&state) {
                Some(DotState::Placed) => counts.placed += count,
                Some(DotState::Skipped) => *counts.skipped.entry(reason).or_default() += count,
                Some(DotState::Intent) => counts.intent += count,
                Some(DotState::InDoubt) | None => counts.in_doubt += count,
            }
        }
        Ok(counts)
    }

    /// The dots that were struck, by number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn placed(&self) -> Result<Vec<PlacedDot>, RecordError> {
        let doing = sqlite("reading the placed dots");
        let mut query = self
            .db
            .prepare(
                "SELECT dot, layer, lateral_error_m, depth_m, at_us FROM dots WHERE state = 'placed' ORDER BY dot",
            )
            .map_err(&doing)?;
        let rows = query
            .query_map([], |row| {
                Ok(PlacedDot {
                    dot: DotId(row.get(0)?),
                    layer: row.get(1)?,
                    lateral_error_m: row.get(2)?,
                    depth_m: row.get(3)?,
                    outcome_us: row.get(4)?,
                })
            })
            .map_err(&doing)?;
        rows.collect::<Result<_, _>>().map_err(&doing)
    }

    /// The dots in doubt, by number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn in_doubt(&self) -> Result<Vec<InDoubt>, RecordError> {
        let doing = sqlite("reading the dots in doubt");
        let mut query = self
            .db
            .prepare(
                "SELECT dot, layer, reason, at_us FROM dots WHERE state = 'in_doubt' ORDER BY dot",
            )
            .map_err(&doing)?;
        let rows = query
            .query_map([], |row| {
                Ok(InDoubt {
                    dot: DotId(row.get(0)?),
                    layer: row.get(1)?,
                    reason: row.get(2)?,
                    at_us: row.get(3)?,
                })
            })
            .map_err(&doing)?;
        rows.collect::<Result<_, _>>().map_err(&doing)
    }

    /// The layer of a dot that has a row.
    pub(super) fn layer_of(&self, dot: DotId) -> Result<u8, RecordError> {
        self.db
            .query_row(
                "SELECT layer FROM journal WHERE dot = ?1 ORDER BY seq DESC LIMIT 1",
                params![dot.0],
                |row| row.get(0),
            )
            .map_err(sqlite("reading a dot's layer"))
    }
}
