"""Records of result files can be read by later versions of the program."""

from scheduled.execution.protocol import Ended, read_records


def test_a_record_of_the_first_version_is_read():
    line = (
        b'{"type":"ended","ending":{"run_id":"a-1","attempt":1,"status":"success","started_at":1.5,'
        b'"finished_at":2.5,"duration_ms":1000,"exit_code":0}}\n'
    )

    (record,) = read_records(line)

    assert isinstance(record, Ended)
    assert (record.attempt_result.run_id, record.attempt_result.status) == ("a-1", "success")
