"""Site noise, in pages written in the manner of the sites people save documents from; ``~`` marks what is noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.library.clean import clean
from service.library.rules import LibraryRules

LIBRARY_PAGE = """
~首页 > 办公文档 > 客服管理 > 正文
~网店售后应答手册.docx
~小满同学上传于2025-04-18
~文档格式：DOCX
~文件大小：86.4KB
~4.7分 · 1203人已下载 · 15页
~加入VIP，免费下载全部资料
网店售后应答手册
一、先听后答
客户开口抱怨的时候，先让他把话说完，再问是哪一单、哪一件。
~第1页/共15页
打断一次，后面的话他就听不进去了。
~第2页/共15页
二、答应什么、不答应什么
店里定了的可以答应；没定的，告诉客户几点以前给他回话，再去问组长。
下载运费险保单的时候，请客户核对订单号。
~剩余13页未读，继续阅读
~立即下载
~如有侵权，请联系我们删除
~相关文档
~网店装修全套教程
~直播间话术大全
~新手开店一百问
~道客巴巴
"""

ANSWER_COLUMN = """
~3.6万人关注了该问题
客服遇到一直要补偿的客户怎么办？
~被浏览 128,443
~知乎用户x8Kd2
~赞同 512 · 评论 43 · 收藏
做了五年售后，说点实在的。
补偿要看两样：责任是谁的，店里给了你多大的权。两样都清楚了，一次说到位，别挤牙膏。
1. 责任在我们：先把该给的给了，再说抱歉。
2. 责任不在我们：讲清楚为什么，留一条能走的路。
关注客户的情绪，不等于什么都答应。
~编辑于 2025-07-09 22:31
~著作权归作者所有，转载请联系作者获得授权
~赞同 512
~添加评论
~查看全部 43 条评论
~相关推荐
~如何做好电商运营
~客服工资一般多少
"""

REPOST = """
~点击上方蓝字关注我们
退货高峰期，班长怎么排班
~原创 阿树 仓边手记 2025-11-12 08:00
大促以后第三天起退货就会多起来，前一晚要把人排好。
早班盯物流，晚班盯退款，中间留一个人专接投诉。
~▼往期精选▼
客户在后台回复以后，半小时内要有人接上。
~长按识别二维码，关注我们
~公众号后台回复“排班”领取表格
~觉得有用的话点个赞再走吧
~#电商客服 #大促 #排班
~—— END ——
~阅读原文
~喜欢此内容的人还喜欢
"""

NEWS = """
~责任编辑：林一
签收以后才发现少件，客服这样处理
~来源：某某商业观察
少件先查出库时的称重记录，再看外箱有没有被拆过。
称重对得上、外箱完好，也不要说是客户弄丢的，请客户拍一下箱子里的填充物。
查清以前不说责任，只说什么时候给他答复。
~平台声明：该文观点仅代表作者本人，搜狐号系信息发布平台，平台仅提供信息存储空间服务。
~返回搜狐，查看更多
~阅读 (3021)
~推荐阅读
~某某品牌上市
~今日油价
"""

QUESTIONS = """
~首页 > 生活 > 网购 > 问题
买的锅用了两个月想退，商家不肯，合理吗
~12个回答
~最佳答案
~半亩方塘 半亩方塘
~TA获得超过3268个赞
没有毛病的话，过了无理由的天数，商家可以不退。
有毛病就不一样，该修的修，修不好的再谈换和退。
~本回答由提问者推荐
~已赞过 已踩过
~你对这个回答的评价是？
~展开全部
~其他回答
可以先把哪里不好用拍下来，问清是不是用法不对。
~查看商家电话
~大家还在问
~锅底发黑怎么洗干净
~不粘锅的涂层掉了对身体有害吗，很多人都遇到过这种情况，其实只要分清是哪一种涂层就不用太担心了。
~Hi，我是您的智能问答助手，有问题尽管问我
~您可以这样问我：
~怎样挑一口好锅
"""

CLASSIFIEDS = """
家电上门维修以后又坏了，谁来管
~在线咨询
~电话咨询：400-000-0000
维修过的地方在保修期里又坏的，由修的那一家接着管。
换下来的旧件要给客户看一眼，问他留不留。
免费咨询期内的维修不收上门费。
~免责声明：本页内容由用户发布，本站不承担任何责任
~热门推荐
~空调移机
~搬家公司
"""

PAGES = {
    "library": LIBRARY_PAGE,
    "column": ANSWER_COLUMN,
    "repost": REPOST,
    "news": NEWS,
    "questions": QUESTIONS,
    "classifieds": CLASSIFIEDS,
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_site_goes_and_the_document_stays(library_rules: LibraryRules, page: str):
    lines = page.strip().split("\n")
    cleaned = clean("\n".join(line.removeprefix("~") for line in lines), library_rules)
    assert cleaned.text.split("\n") == [line for line in lines if not line.startswith("~")]
    noise = [line.removeprefix("~") for line in lines if line.startswith("~")]
    assert sum(len(gone.lines) for gone in cleaned.dropped) == len(noise)
    assert all(any(gone.name in warning for warning in cleaned.warnings) for gone in cleaned.dropped)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_document_that_speaks_of_such_things_keeps_them(library_rules: LibraryRules, page: str):
    """The same words inside sentences of somebody's own are content."""
    kept = [line for line in page.strip().split("\n") if not line.startswith("~")]
    assert clean("\n".join(kept), library_rules).dropped == ()


def test_a_page_that_says_it_goes_on_elsewhere_is_cut_off(library_rules: LibraryRules):
    warnings = clean(LIBRARY_PAGE.replace("~", ""), library_rules).warnings
    assert any("没说完" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("各种情形的运费如下表所示：\n一、下一节\n先听后答。", "如下表所示"),
        ("流程见下图。\n[图片]\n照着做就行。", "见下图"),
        ("先听后答。\n[图片]\n[图片1]\n再给办法。", "2 张图片没有文字"),
        ("先听后答。\n![](images/a.png)\n再给办法。", "1 张图片没有文字"),
        ("分三类：\n某某手册配图说明\n甲。\n某某手册配图说明\n乙。\n某某手册配图说明\n丙。", ""),
        ("给办法：\n某某手册里的一张配图\n甲。\n某某手册里的一张配图\n分三类：\n某某手册里的一张配图\n丙。", "分三类"),
        ("先听后答，见附表2。", "见附表2"),
    ],
)
def test_lost_pictures_and_tables_are_flagged(library_rules: LibraryRules, text: str, says: str):
    lost = [warning for warning in clean(text, library_rules).warnings if "图" in warning and "对照原文" in warning]
    assert any(says in warning for warning in lost) if says else lost == []


@pytest.mark.parametrize(
    "text",
    [
        "运费如下表：\n| 情形 | 谁出 |\n| --- | --- |\n| 有毛病 | 店铺 |",
        "运费见下表：\n有毛病  店铺\n不喜欢  客户",
        "表达要清楚。",
    ],
)
def test_a_table_that_came_along_is_not_missed(library_rules: LibraryRules, text: str):
    assert clean(text, library_rules).warnings == ()


@given(st.lists(st.sampled_from([line for page in PAGES.values() for line in page.split("\n")]), max_size=40))
def test_what_is_dropped_and_what_is_kept_are_the_document(library_rules: LibraryRules, lines: list[str]):
    text = "\n".join(line.removeprefix("~") for line in lines)
    cleaned = clean(text, library_rules)
    kept = sum(bool(line.strip()) for line in cleaned.text.split("\n"))
    gone = sum(len(found.lines) for found in cleaned.dropped)
    assert kept + gone == sum(bool(line.strip()) for line in text.split("\n"))
    assert clean(cleaned.text, library_rules).text == cleaned.text or "上一篇" in text or gone
