//! What a service config says about balancing.

use crate::client::balance::{
    Balance, FailurePercentage, LeastRequest, OutlierDetection, RingHash, SuccessRate, WeightedRoundRobin,
};
use crate::client::service_config::ServiceConfigError;
use crate::client::service_config::json::field::Field;

/// The largest ring that a config may ask for.
const RING_SIZE_MAX: u64 = 8 * 1024 * 1024;

/// What a policy means here: a balancer, alone or within what ejects outliers.
type Policy = (Balance, Option<OutlierDetection>);

type Result<T> = std::result::Result<T, ServiceConfigError>;

/// Reads the list and, where there is none, the name that stood in its place before there were lists.
pub(super) fn chosen(config: &Field<'_>) -> Result<Option<Policy>> {
    if let Some(list) = config.get("loadBalancingConfig")? {
        return first_known(&list).map(Some);
    }
    let Some(name) = config.get("loadBalancingPolicy")? else { return Ok(None) };
    let balance = match name.text()? {
        "PICK_FIRST" | "pick_first" => Balance::PickFirst { shuffle: false },
        "ROUND_ROBIN" | "round_robin" => Balance::RoundRobin,
        other => return Err(name.wrong(format!("is {other:?}, which is neither pick_first nor round_robin"))),
    };
    Ok(Some((balance, None)))
}

/// The first policy of a list that this client knows. One that it knows must be right; the others are left alone.
fn first_known(list: &Field<'_>) -> Result<Policy> {
    let mut unknown = Vec::new();
    for entry in list.list()? {
        let (name, config) = entry.only()?;
        if let Some(policy) = known(name, &config)? {
            return Ok(policy);
        }
        unknown.push(format!("{name:?}"));
    }
    Err(list.wrong(match unknown.as_slice() {
        [] => "names no policy".to_owned(),
        names => format!("names no policy that this client knows, but {}", names.join(", ")),
    }))
}

/// What a policy means. This is the one place that knows their names; `None`: it is not among them.
fn known(name: &str, config: &Field<'_>) -> Result<Option<Policy>> {
    let balance = match name {
        "pick_first" => pick_first(config)?,
        "round_robin" => {
            config.check_object()?;
            Balance::RoundRobin
        }
        "weighted_round_robin" => weighted_round_robin(config)?,
        "least_request_experimental" => least_request(config)?,
        "ring_hash_experimental" => ring_hash(config)?,
        "outlier_detection_experimental" => return outlier_detection(config).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((balance, None)))
}

fn pick_first(config: &Field<'_>) -> Result<Balance> {
    let shuffle = config.get("shuffleAddressList")?.map(|shuffle| shuffle.boolean()).transpose()?;
    Ok(Balance::PickFirst { shuffle: shuffle.unwrap_or(false) })
}

/// Changes a setting, if a field of it is there.
fn set<'a, S, T>(
    settings: S,
    config: &Field<'a>,
    name: &str,
    read: impl FnOnce(&Field<'a>) -> Result<T>,
    change: impl FnOnce(S, T) -> S,
) -> Result<S> {
    Ok(match config.get(name)? {
        Some(field) => change(settings, read(&field)?),
        None => settings,
    })
}

/// gRFC A58. Reports out of band are not asked for: servers report with each call.
fn weighted_round_robin(config: &Field<'_>) -> Result<Balance> {
    let settings = WeightedRoundRobin::new();
    let settings = set(settings, config, "blackoutPeriod", Field::duration, WeightedRoundRobin::blackout_period)?;
    let settings =
        set(settings, config, "weightExpirationPeriod", Field::duration, WeightedRoundRobin::weight_expiration_period)?;
    let settings =
        set(settings, config, "weightUpdatePeriod", Field::duration, WeightedRoundRobin::weight_update_period)?;
    let penalty = |field: &Field<'_>| {
        let penalty = field.number()?;
        if penalty < 0.0 { Err(field.wrong(format!("must be at least 0, and is {penalty}"))) } else { Ok(penalty) }
    };
    set(settings, config, "errorUtilizationPenalty", penalty, WeightedRoundRobin::error_utilization_penalty)
        .map(Balance::WeightedRoundRobin)
}

/// gRFC A48.
fn least_request(config: &Field<'_>) -> Result<Balance> {
    let count = |field: &Field<'_>| field.size(2..=u64::from(u32::MAX));
    set(LeastRequest::new(), config, "choiceCount", count, LeastRequest::choice_count).map(Balance::LeastRequest)
}

/// gRFCs A42 and A76.
fn ring_hash(config: &Field<'_>) -> Result<Balance> {
    let size = |field: &Field<'_>| field.size(1..=RING_SIZE_MAX);
    let least = config.get("minRingSize")?.map(|least| size(&least)).transpose()?;
    let most = config.get("maxRingSize")?.map(|most| size(&most)).transpose()?;
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        return Err(config.wrong(format!("has a minRingSize of {least}, more than its maxRingSize of {most}")));
    }
    let settings = least.map_or(RingHash::new(), |least| RingHash::new().min_ring_size(least));
    let mut settings = most.map_or(settings.clone(), |most| settings.max_ring_size(most));
    if let Some(name) = config.get("requestHashHeader")? {
        let text = name.text()?;
        if !text.is_empty() {
            let problem = |_| name.wrong(format!("is {text:?}, which cannot be the name of metadata in text"));
            settings = settings.request_hash_header(text).map_err(problem)?;
        }
    }
    Ok(Balance::RingHash(settings))
}

/// gRFC A50.
fn outlier_detection(config: &Field<'_>) -> Result<Policy> {
    let (balance, within) = first_known(&config.need("childPolicy")?)?;
    if within.is_some() {
        return Err(config.wrong("has another outlier_detection_experimental as its childPolicy"));
    }
    let detection = OutlierDetection::new();
    let detection = set(detection, config, "interval", Field::positive_duration, OutlierDetection::interval)?;
    let detection = set(detection, config, "baseEjectionTime", Field::duration, OutlierDetection::base_ejection_time)?;
    let detection = set(detection, config, "maxEjectionTime", Field::duration, OutlierDetection::max_ejection_time)?;
    let detection = set(detection, config, "maxEjectionPercent", percent, OutlierDetection::max_ejection_percent)?;
    let detection = set(detection, config, "successRateEjection", success_rate, OutlierDetection::success_rate)?;
    let detection =
        set(detection, config, "failurePercentageEjection", failure_percentage, OutlierDetection::failure_percentage)?;
    Ok((balance, Some(detection)))
}

fn success_rate(config: &Field<'_>) -> Result<SuccessRate> {
    let rule = set(SuccessRate::new(), config, "stdevFactor", count, SuccessRate::stdev_factor)?;
    let rule = set(rule, config, "enforcementPercentage", percent, SuccessRate::enforcement_percentage)?;
    let rule = set(rule, config, "minimumHosts", hosts, SuccessRate::minimum_hosts)?;
    set(rule, config, "requestVolume", volume, SuccessRate::request_volume)
}

fn failure_percentage(config: &Field<'_>) -> Result<FailurePercentage> {
    let rule = set(FailurePercentage::new(), config, "threshold", percent, FailurePercentage::threshold)?;
    let rule = set(rule, config, "enforcementPercentage", percent, FailurePercentage::enforcement_percentage)?;
    let rule = set(rule, config, "minimumHosts", hosts, FailurePercentage::minimum_hosts)?;
    set(rule, config, "requestVolume", volume, FailurePercentage::request_volume)
}

fn percent(field: &Field<'_>) -> Result<u32> {
    field.whole(0..=100).map(|percent| percent as u32)
}

fn count(field: &Field<'_>) -> Result<u32> {
    field.whole(0..=u64::from(u32::MAX)).map(|count| count as u32)
}

fn hosts(field: &Field<'_>) -> Result<usize> {
    field.size(0..=u64::from(u32::MAX))
}

fn volume(field: &Field<'_>) -> Result<u64> {
    field.whole(0..=u64::from(u32::MAX))
}
