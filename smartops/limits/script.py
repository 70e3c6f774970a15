"""The algorithm of the memory limiter as one script, which the server runs atomically.

A key's state is one packed array: when its newest group began, how many
requests count, then for each group when it expires and how many are in it.
Time is the server's, so that replicas with different clocks agree.
"""

VERSION = "groups-1"
"""The version in every key: a script with another format must not read these keys."""

SCRIPT = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function argument(window, place)
  return tonumber(ARGV[1 + 3 * (window - 1) + place])
end

local function counting(key)
  local packed = redis.call('GET', key)
  if not packed then return {0, 0} end
  local all = cmsgpack.unpack(packed)
  if #all < 3 or all[3] > now then return all end
  local kept = {all[1], 0}
  local late = false
  for i = 3, #all, 2 do
    late = late or all[i] > now
    if late then
      kept[2] = kept[2] + all[i + 1]
      kept[#kept + 1] = all[i]
      kept[#kept + 1] = all[i + 1]
    end
  end
  return kept
end

local states, least, tight, wait, refusing = {}, nil, 1, -1, nil
for window = 1, #KEYS do
  local state = counting(KEYS[window])
  local left = argument(window, 1) - state[2]
  states[window] = state
  if left < 1 then
    if state[3] - now > wait then
      wait, refusing = state[3] - now, window
    end
  elseif not least or left < least then
    least, tight = left, window
  end
end

if refusing then
  return {0, refusing - 1, 0, math.ceil(now + wait), math.max(1, math.ceil(wait))}
end

for window = 1, #KEYS do
  local state, seconds, step = states[window], argument(window, 2), argument(window, 3)
  state[2] = state[2] + 1
  if #state > 2 and state[1] <= now and now < state[1] + step then
    state[#state - 1] = now + seconds
    state[#state] = state[#state] + 1
  else
    state[1] = now
    state[#state + 1] = now + seconds
    state[#state + 1] = 1
  end
  redis.call('SET', KEYS[window], cmsgpack.pack(state), 'PX', math.ceil(seconds * 1000) + 1000)
end
return {1, tight - 1, least - 1, math.ceil(states[tight][3]), 0}
"""
