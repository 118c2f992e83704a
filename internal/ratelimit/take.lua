-- Decides all limits of one call at one instant: each of them counts it, or, if
-- one refuses, none does. Plain Lua 5.1 with GET, SET, DEL and TIME.
--
-- KEYS  what is counted, one each
-- ARGV  1: '' to count, or the time of a counted call to take back
--       2: '' for the server's clock; tests send a time of their own
--       then for each key: how many windows, calls and length of each window,
--       and the bucket's interval and tolerance (0 0: none)
--
-- All times are microseconds, whole numbers below 2^53, which Lua's numbers hold
-- exactly. A value is 7 bytes for when the bucket will be full, if there is one,
-- and then 7 bytes for each of the last admissions, newest last. The N-th last
-- admission says whether a window of N calls is open: no counting.

local undo, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local spare = 0 -- so that a test's time, not the server's, says when a key is over
if now then
	spare = 3600000
else
	local t = redis.call('TIME')
	now = t[1] * 1000000 + t[2]
end

local function number(s, i)
	local a, b, c, d, e, f, g = string.byte(s, i, i + 6)
	return (((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 256 + g
end

local function bytes(n)
	local b = {}
	for i = 7, 1, -1 do
		b[i] = n % 256
		n = (n - b[i]) / 256
	end
	return string.char(unpack(b))
end

-- last returns the i-th last admission, or nil.
local function last(r, i)
	local at = #r.times - 7 * i + 1
	if at > 0 then
		return number(r.times, at)
	end
end

-- used counts the admissions after t, up to most: a search in a sorted list.
local function used(r, t, most)
	local low, high = 0, math.min(most, #r.times / 7)
	while low < high do
		local middle = math.ceil((low + high) / 2)
		if last(r, middle) > t then
			low = middle
		else
			high = middle - 1
		end
	end
	return low
end

local function save(key, r)
	local over, value = r.full or 0, r.times
	local newest = last(r, 1)
	if newest then
		over = math.max(over, newest + r.longest)
	end
	if over <= now then
		return redis.call('DEL', key)
	end
	if r.full then
		value = bytes(r.full) .. value
	end
	redis.call('SET', key, value, 'PX', string.format('%.0f', math.ceil((over - now) / 1000) + spare))
end

local rules, a, latest = {}, 3, now
for i, key in ipairs(KEYS) do
	local r = {calls = {}, per = {}, most = 0, longest = 0}
	for w = 1, tonumber(ARGV[a]) do
		r.calls[w], r.per[w] = tonumber(ARGV[a + 2 * w - 1]), tonumber(ARGV[a + 2 * w])
		r.most, r.longest = math.max(r.most, r.calls[w]), math.max(r.longest, r.per[w])
	end
	a = a + 2 * #r.calls + 1
	r.every, r.tolerance = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
	a = a + 2
	r.times = redis.call('GET', key) or ''
	if r.every > 0 then
		r.full = 0
		if #r.times >= 7 then -- no later than it can be, should a clock have been wrong
			r.full = math.min(number(r.times, 1), now + r.tolerance + r.every)
		end
		r.times = string.sub(r.times, 8)
	end
	local newest = last(r, 1)
	if newest and newest > now + r.longest then
		r.times = '' -- from a clock that was far ahead
	elseif newest and newest > latest then
		latest = newest -- a clock that steps back stands still instead
	end
	rules[i] = r
end

if undo then
	for i, key in ipairs(KEYS) do
		local r = rules[i]
		for at = #r.times - 6, 1, -7 do
			if number(r.times, at) == undo then
				r.times = string.sub(r.times, 1, at - 1) .. string.sub(r.times, at + 7)
				break
			end
		end
		if r.full then
			r.full = math.max(r.full - r.every, 0)
		end
		save(key, r)
	end
	return {}
end

now = latest
local allowed, waits = 1, {}
for i, r in ipairs(rules) do
	local wait = 0
	for w, calls in ipairs(r.calls) do
		local t = last(r, calls)
		if t then
			wait = math.max(wait, t + r.per[w] - now)
		end
	end
	if r.full then
		wait = math.max(wait, r.full - r.tolerance - now)
	end
	waits[i] = wait
	if wait > 0 then
		allowed = 0
	end
end

-- The answer: allowed, the time, and for each key its wait, the age of the
-- newest admission (-1: none), how many each window holds, and the time until
-- the bucket is full.
local answer = {allowed, now}
for i, r in ipairs(rules) do
	if allowed == 1 then
		if r.most > 0 then
			r.times = string.sub(r.times .. bytes(now), -7 * r.most)
		end
		if r.full then
			r.full = math.max(r.full, now) + r.every
		end
		save(KEYS[i], r)
	end
	local newest = last(r, 1)
	answer[#answer + 1] = waits[i]
	answer[#answer + 1] = newest and now - newest or -1
	for w, calls in ipairs(r.calls) do
		answer[#answer + 1] = used(r, now - r.per[w], calls)
	end
	if r.full then
		answer[#answer + 1] = r.full - now
	end
end
return answer
