"""What redis-py does with a server, printed part by part: `python3 tour.py PORT`."""
import json
import sys
import threading
import time

import redis
from redis.exceptions import LockError, LockNotOwnedError, NoScriptError, ResponseError, WatchError

client = redis.Redis(host='127.0.0.1', port=int(sys.argv[1]), decode_responses=True)


def locks():
    first = client.lock('lock', timeout=60)
    second = client.lock('lock', timeout=60, blocking=False)
    got = [first.acquire(), second.acquire(), first.locked(), first.owned(), second.owned()]
    first.extend(60)
    got.append(client.ttl('lock') > 60)
    first.extend(30, replace_ttl=True)
    got.append(client.ttl('lock') <= 30)
    got.append(first.reacquire())
    first.release()
    try:
        first.release()
    except LockError as error:
        got.append(type(error).__name__)
    short = client.lock('short', timeout=0.05)
    short.acquire()
    while client.exists('short'):
        time.sleep(0.01)
    try:
        short.release()
    except LockNotOwnedError as error:
        got.append(type(error).__name__)
    return got


def excluding_locks():
    inside, most, total = 0, 0, 0

    def work():
        nonlocal inside, most, total
        for _ in range(5):
            with client.lock('shared', timeout=60, sleep=0.002):
                inside += 1
                most = max(most, inside)
                total += 1
                inside -= 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {'most': most, 'total': total}


def pipelines():
    client.set('n', 1)
    with client.pipeline() as pipe:
        pipe.watch('n')
        seen = int(pipe.get('n'))
        client.incr('n')
        pipe.multi()
        pipe.set('n', seen + 10)
        try:
            pipe.execute()
            lost = False
        except WatchError:
            lost = True
    added = client.transaction(lambda pipe: (pipe.multi(), pipe.incrby('n', 5), pipe.get('n')), 'n')
    errors = client.pipeline(transaction=False).set('s', 'x').incr('s').get('s').execute(raise_on_error=False)
    return {'lost': lost, 'added': added, 'errors': [str(each) for each in errors]}


def scripts():
    square = client.register_script("return tonumber(redis.call('get', KEYS[1])) ^ 2 + ARGV[1]")
    client.set('x', 7)
    client.script_flush()
    try:
        client.evalsha(square.sha, 1, 'x', 1)
        known = True
    except NoScriptError:
        known = False
    code = "#!lua name=lib\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)"
    client.function_load(code, replace=True)
    return {'known': known, 'square': square(keys=['x'], args=[1]), 'twice': client.fcall('twice', 0, 21)}


def streams():
    ids = [client.xadd('stream', {'n': n}, id=f'{n}-1') for n in range(1, 6)]
    client.xgroup_create('stream', 'group', id='0')
    read = client.xreadgroup('group', 'ada', {'stream': '>'}, count=3)
    client.xack('stream', 'group', ids[0])
    claimed = client.xautoclaim('stream', 'group', 'bob', min_idle_time=0, start_id='0', count=2)
    pending = client.xpending('stream', 'group')
    groups = client.xinfo_groups('stream')
    return {'read': read, 'claimed': claimed, 'pending': pending, 'groups': groups}


def messages():
    listener = client.pubsub()
    listener.subscribe('news')
    listener.psubscribe('n*')
    got = []
    while len(got) < 4:
        message = listener.get_message(timeout=5)
        got.append([message['type'], message['channel'], message['data']])
        if len(got) == 2:
            client.publish('news', 'hello')
    listener.close()
    return got


def waiting():
    late = threading.Thread(target=lambda: (time.sleep(0.05), client.rpush('queue', 'a', 'b')))
    late.start()
    got = [client.blpop(['none', 'queue'], timeout=5), client.blmove('queue', 'other', 5), client.blpop('none', timeout=1)]
    late.join()
    return got


def scans():
    client.mset({f'scan:{n}': n for n in range(300)})
    client.hset('hash', mapping={f'f{n}': n for n in range(300)})
    client.zadd('scores', {f'm{n}': n / 4 for n in range(300)})
    return {
        'keys': len(set(client.scan_iter(match='scan:*', count=20))),
        'fields': len(dict(client.hscan_iter('hash'))),
        'scores': sum(score for _, score in client.zscan_iter('scores')),
        'range': client.zrange('scores', 0, 2, desc=True, withscores=True),
        'near': client.geoadd('places', [13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'])
        and client.geosearch('places', longitude=15, latitude=37, radius=200, unit='km', withdist=True, sort='ASC'),
    }


def server():
    info = client.info()
    numbers = ['connected_clients', 'used_memory', 'total_commands_processed', 'expired_keys', 'rdb_changes_since_last_save']
    name = client.client_setname('tour') and client.client_getname()
    config = client.config_get('maxmemory-policy')
    slow = client.slowlog_len() >= 0
    stats = client.memory_usage('hash') > 0
    try:
        client.execute_command('NOSUCH')
    except ResponseError as error:
        unknown = str(error)
    shown = {'role': info['role'], 'db0': sorted(info['db0']), 'numbers': [type(info[each]).__name__ for each in numbers]}
    return {**shown, 'name': name, 'config': config, 'slow': slow, 'stats': stats, 'unknown': unknown}


client.flushall()
for part in [locks, excluding_locks, pipelines, scripts, streams, messages, waiting, scans, server]:
    print(part.__name__, json.dumps(part(), sort_keys=True))
