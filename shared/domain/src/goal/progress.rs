//! How the progress of goals follows from their tasks and the goals below them, in one statement.

/// What one goal `g` of the owner `$1` brings along: `known`, a progress that needs no look below; how many tasks count,
/// how many of them are done, and how many items there are with the goals below it.
const PARTS: &str = "
    cross join lateral (
        select coalesce(g.progress, case when g.status = 'done' then 100 end) as known,
               t.done, t.count + (select count(*) from goals c
                                  where c.user_id = $1 and c.parent_goal_id = g.id and c.status in ('active', 'done')) as items
        from (select count(*) as count, count(*) filter (where t.status = 'done') as done from tasks t
              where t.user_id = $1 and t.goal_id = g.id and t.status in ('pending', 'in_progress', 'done')) t
    ) p";

/// The statement for the goals that `listed` selects, whole rows of the owner `$1`, newest first, with a column
/// `derived_progress`.
///
/// It walks from each listed goal down. A goal's `share` is how much of the listed goal's 100 percent it stands for: its
/// parent's, divided by the parent's items. What is below a goal whose progress is known is not looked at. Shares
/// are floating-point numbers; a millionth is added before rounding down, so that three thirds are whole.
pub(super) fn with_progress(listed: &str) -> String {
    let levels_max = super::LEVELS_MAX;
    format!(
        "with recursive listed as materialized ({listed}),
         tree as (
             select g.id as root, g.id, 100::float8 as share, p.*, 1 as level from listed g {PARTS}
             union all
             select tree.root, g.id, tree.share / tree.items, p.*, tree.level + 1
             from tree join goals g
                  on g.user_id = $1 and g.parent_goal_id = tree.id and g.status in ('active', 'done') {PARTS}
             where tree.known is null and tree.level < {levels_max}
         ),
         derived as (
             select root, floor(0.000001 + sum(coalesce(share * known / 100, share * done / nullif(items, 0), 0)))::int2
                    as derived_progress
             from tree group by root
         )
         select listed.*, derived.derived_progress from listed join derived on derived.root = listed.id
         order by listed.created_at desc, listed.id desc"
    )
}
