//! What a service config says about balancing.

use std::ops::RangeInclusive;

use crate::client::balance::{
    Balance, FailurePercentage, LeastRequest, OutlierDetection, RingHash, SuccessRate, WeightedRoundRobin,
};
use crate::client::service_config::ServiceConfigError;
use crate::client::service_config::field::Field;

/// Larger rings are not made because a config says so: it may come from far away (gRFC A42).
const RING_SIZE_MAX: usize = 4096;

/// What a config may say of a ring, and of numbers that have no bound of their own.
const RING_SIZES: RangeInclusive<u64> = 1..=8 * 1024 * 1024;
const COUNTS: RangeInclusive<u64> = 0..=u32::MAX as u64;
const PERCENTS: RangeInclusive<u64> = 0..=100;

/// A balancer that a config chose.
#[derive(Debug, Clone)]
pub(super) struct ChosenBalance {
    pub(super) balance: Balance,
    pub(super) outlier_detection: Option<OutlierDetection>,
    /// What the config said about it: the same words mean the same balancer.
    pub(super) said: String,
}

/// What a policy's own config says; `Ok(None)` where this client does not know the policy.
type Known = Result<Option<(Balance, Option<OutlierDetection>)>, ServiceConfigError>;

impl ChosenBalance {
    /// Reads the list and, where there is none, the name that stood in its place before there were lists.
    pub(super) fn read(config: &Field<'_>) -> Result<Option<Self>, ServiceConfigError> {
        if let Some(list) = config.get("loadBalancingConfig")? {
            return first_known(&list).map(Some);
        }
        let Some(name) = config.get("loadBalancingPolicy")? else { return Ok(None) };
        let balance = match name.text()? {
            "PICK_FIRST" | "pick_first" => Balance::PickFirst { shuffle: false },
            "ROUND_ROBIN" | "round_robin" => Balance::RoundRobin,
            other => return Err(name.wrong(format!("is {other:?}, which is neither pick_first nor round_robin"))),
        };
        Ok(Some(ChosenBalance { balance, outlier_detection: None, said: name.json() }))
    }
}

/// The first policy of a list that this client knows. One that it knows must be right; the others are left alone.
pub(super) fn first_known(list: &Field<'_>) -> Result<ChosenBalance, ServiceConfigError> {
    let mut unknown = Vec::new();
    for entry in list.list()? {
        let (name, config) = entry.only()?;
        if let Some((balance, outlier_detection)) = known(name, &config)? {
            return Ok(ChosenBalance { balance, outlier_detection, said: entry.json() });
        }
        unknown.push(format!("{name:?}"));
    }
    Err(list.wrong(match unknown.as_slice() {
        [] => "names no policy".to_owned(),
        names => format!("names no policy that this client knows, but {}", names.join(", ")),
    }))
}

/// What a policy means here. This is the one place that knows their names.
fn known(name: &str, config: &Field<'_>) -> Known {
    let balance = match name {
        "pick_first" => {
            let shuffle = config.get("shuffleAddressList")?.map(|shuffle| shuffle.boolean()).transpose()?;
            Balance::PickFirst { shuffle: shuffle.unwrap_or(false) }
        }
        "round_robin" => {
            config.check_object()?;
            Balance::RoundRobin
        }
        "weighted_round_robin" => Balance::WeightedRoundRobin(weighted_round_robin(config)?),
        "least_request_experimental" => {
            let count = |field: &Field<'_>| whole(field, 2..=u32::MAX.into());
            Balance::LeastRequest(set(LeastRequest::new(), config, "choiceCount", count, LeastRequest::choice_count)?)
        }
        "ring_hash_experimental" => Balance::RingHash(ring_hash(config)?),
        "outlier_detection_experimental" => {
            let child = config.need("childPolicy")?;
            let ChosenBalance { balance, outlier_detection: None, .. } = first_known(&child)? else {
                return Err(child.wrong("must not name outlier detection once more"));
            };
            return Ok(Some((balance, Some(outlier_detection(config)?))));
        }
        _ => return Ok(None),
    };
    Ok(Some((balance, None)))
}

/// Settings with what a field says, if it is there.
fn set<'a, S, T>(
    settings: S,
    config: &Field<'a>,
    name: &str,
    read: impl FnOnce(&Field<'a>) -> Result<T, ServiceConfigError>,
    put: impl FnOnce(S, T) -> S,
) -> Result<S, ServiceConfigError> {
    Ok(match config.get(name)? {
        Some(field) => put(settings, read(&field)?),
        None => settings,
    })
}

fn whole(field: &Field<'_>, range: RangeInclusive<u64>) -> Result<usize, ServiceConfigError> {
    Ok(usize::try_from(field.whole(range)?).unwrap_or(usize::MAX))
}

fn small(field: &Field<'_>, range: RangeInclusive<u64>) -> Result<u32, ServiceConfigError> {
    Ok(u32::try_from(field.whole(range)?).unwrap_or(u32::MAX))
}

/// Reports beside calls (`enableOobLoadReport`) are not asked for.
fn weighted_round_robin(config: &Field<'_>) -> Result<WeightedRoundRobin, ServiceConfigError> {
    use WeightedRoundRobin as Settings;
    let penalty = |field: &Field<'_>| match field.number()? {
        penalty if penalty >= 0.0 => Ok(penalty),
        penalty => Err(field.wrong(format!("must be at least 0, and is {penalty}"))),
    };
    let settings = Settings::new();
    let settings = set(settings, config, "blackoutPeriod", Field::duration, Settings::blackout_period)?;
    let expiration = Settings::weight_expiration_period;
    let settings = set(settings, config, "weightExpirationPeriod", Field::duration, expiration)?;
    let settings = set(settings, config, "weightUpdatePeriod", Field::duration, Settings::weight_update_period)?;
    set(settings, config, "errorUtilizationPenalty", penalty, Settings::error_utilization_penalty)
}

fn ring_hash(config: &Field<'_>) -> Result<RingHash, ServiceConfigError> {
    let size = |name: &str, default: usize| match config.get(name)? {
        Some(field) => whole(&field, RING_SIZES),
        None => Ok(default),
    };
    let (min, max) = (size("minRingSize", RingHash::MIN_RING_SIZE_DEFAULT)?, size("maxRingSize", RING_SIZE_MAX)?);
    if min > max {
        return Err(config.wrong(format!("must have a maxRingSize of at least its minRingSize, {min}, and has {max}")));
    }
    let settings = RingHash::new().min_ring_size(min.min(RING_SIZE_MAX)).max_ring_size(max.min(RING_SIZE_MAX));
    let Some(header) = config.get("requestHashHeader")? else { return Ok(settings) };
    let name = header.text()?;
    if name.is_empty() {
        return Ok(settings);
    }
    let is_wrong = |_| header.wrong(format!("must be the name of metadata in text, and is {name:?}"));
    settings.request_hash_header(name).map_err(is_wrong)
}

fn outlier_detection(config: &Field<'_>) -> Result<OutlierDetection, ServiceConfigError> {
    use OutlierDetection as Settings;
    let percent = |field: &Field<'_>| small(field, PERCENTS);
    let settings = Settings::new();
    let settings = set(settings, config, "interval", Field::positive_duration, Settings::interval)?;
    let settings = set(settings, config, "baseEjectionTime", Field::duration, Settings::base_ejection_time)?;
    let settings = set(settings, config, "maxEjectionTime", Field::duration, Settings::max_ejection_time)?;
    let settings = set(settings, config, "maxEjectionPercent", percent, Settings::max_ejection_percent)?;
    let settings = set(settings, config, "successRateEjection", success_rate, Settings::success_rate)?;
    set(settings, config, "failurePercentageEjection", failure_percentage, Settings::failure_percentage)
}

fn success_rate(config: &Field<'_>) -> Result<SuccessRate, ServiceConfigError> {
    use SuccessRate as Rule;
    config.check_object()?;
    let factor = |field: &Field<'_>| small(field, COUNTS);
    let percent = |field: &Field<'_>| small(field, PERCENTS);
    let rule = set(Rule::new(), config, "stdevFactor", factor, Rule::stdev_factor)?;
    let rule = set(rule, config, "enforcementPercentage", percent, Rule::enforcement_percentage)?;
    let rule = set(rule, config, "minimumHosts", |field| whole(field, COUNTS), Rule::minimum_hosts)?;
    set(rule, config, "requestVolume", |field| field.whole(COUNTS), Rule::request_volume)
}

fn failure_percentage(config: &Field<'_>) -> Result<FailurePercentage, ServiceConfigError> {
    use FailurePercentage as Rule;
    config.check_object()?;
    let percent = |field: &Field<'_>| small(field, PERCENTS);
    let rule = set(Rule::new(), config, "threshold", percent, Rule::threshold)?;
    let rule = set(rule, config, "enforcementPercentage", percent, Rule::enforcement_percentage)?;
    let rule = set(rule, config, "minimumHosts", |field| whole(field, COUNTS), Rule::minimum_hosts)?;
    set(rule, config, "requestVolume", |field| field.whole(COUNTS), Rule::request_volume)
}
