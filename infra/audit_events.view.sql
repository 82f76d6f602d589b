-- BigQuery: the audit without duplicates. Delivery is at least once; event_id is equal for every delivery of one event.
select * except (subscription_name, message_id, attributes)
  from audit.audit_events
qualify row_number() over (partition by event_id order by publish_time) = 1
