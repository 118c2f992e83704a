-- Counts a sign-in for all nodes, or only says what was counted. Plain Lua 5.1.
--
-- KEYS  1: a network's last failures, newest first: "second:account"
--       2: accounts that failed, by when they last did
--       3: sign-ins and failures of all, by minute of ten
-- ARGV  1: '' for the server's clock; tests send a time of their own, in microseconds
--       2: '' to look only, 'well' or 'failed' to count
--       3: 16 bits of a keyed hash of the account
--       4: how many networks' failures and accounts are kept at most
--       5: for how many seconds a network's failures are kept
--       6: for how many all others
--
-- The answer: the network's failures, and of how many accounts; all sign-ins, how
-- many of them failed, and for how many accounts.

local network, accounts, minutes = KEYS[1], KEYS[2], KEYS[3]
local does, account, most = ARGV[2], ARGV[3], tonumber(ARGV[4])
local long, short = tonumber(ARGV[5]), tonumber(ARGV[6])
local now = tonumber(ARGV[1])
local spare = 0 -- so that a test's time, not the server's, says when a key is over
if now then
	now = math.floor(now / 1000000)
	spare = 3600
else
	now = tonumber(redis.call('TIME')[1])
end
local minute = math.floor(now / 60)

if does ~= '' then
	local place, tries, failures = minute % 10, 0, 0
	local was, t, f = string.match(redis.call('HGET', minutes, place) or '', '^(%d+):(%d+):(%d+)$')
	if tonumber(was) == minute then
		tries, failures = tonumber(t), tonumber(f)
	end
	tries = tries + 1
	if does == 'failed' then
		failures = failures + 1
		redis.call('LPUSH', network, string.format('%.0f:%s', now, account))
		redis.call('LTRIM', network, 0, most - 1)
		redis.call('EXPIRE', network, long + spare)
		redis.call('ZADD', accounts, now, account)
		redis.call('ZREMRANGEBYRANK', accounts, 0, -most - 1)
		redis.call('EXPIRE', accounts, short + spare)
	end
	redis.call('HSET', minutes, place, string.format('%.0f:%.0f:%.0f', minute, tries, failures))
	redis.call('EXPIRE', minutes, short + spare)
	return {}
end

local here, whom, seen = 0, 0, {}
for _, entry in ipairs(redis.call('LRANGE', network, 0, -1)) do
	local at, who = string.match(entry, '^(%d+):(.*)$')
	if tonumber(at) > now - long then
		here = here + 1
		if not seen[who] then
			seen[who] = true
			whom = whom + 1
		end
	end
end
local tries, failures = 0, 0
for _, entry in ipairs(redis.call('HVALS', minutes)) do
	local at, t, f = string.match(entry, '^(%d+):(%d+):(%d+)$')
	at = tonumber(at)
	if at > minute - 10 and at <= minute then
		tries, failures = tries + tonumber(t), failures + tonumber(f)
	end
end
local all = redis.call('ZCOUNT', accounts, string.format('(%.0f', now - short), '+inf')
return {here, whom, tries, failures, all}
